import ApusBase

/// Where repositories are fetched from and where they are kept.
package struct HubConfiguration: Sendable {
    /// `https://host[:port][/path]` without a slash at its end.
    package let endpoint: String
    /// Sent to the endpoint's own origin (scheme, host and port), nowhere else.
    package let token: String?
    /// The folder that holds `models--org--name`, laid out as by `huggingface_hub`.
    package let cacheFolder: String
    /// Whether nothing may be fetched.
    package let isOffline: Bool
    /// How long to wait before each new attempt after a failure that may pass. An attempt that moved bytes starts the list anew.
    package var retryDelays: [Duration] = [.seconds(1), .seconds(2), .seconds(4), .seconds(8)]

    /// - Throws: `InputError` if the endpoint is no http or https address, or the token could not stand in a header.
    package init(endpoint: String, token: String? = nil, cacheFolder: String, isOffline: Bool = false) throws(InputError) {
        var endpoint = endpoint
        while endpoint.hasSuffix("/") { endpoint.removeLast() }
        guard let address = WebAddress(endpoint) else {
            throw InputError("HF_ENDPOINT", "\"\(endpoint)\" is no http or https address", remedy: "for example https://huggingface.co")
        }
        guard token?.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) ?? true else {
            throw InputError("HF_TOKEN", "holds a space or another character that no token has")
        }
        self.endpoint = address.text
        self.token = token
        self.cacheFolder = cacheFolder
        self.isOffline = isOffline
    }
}
