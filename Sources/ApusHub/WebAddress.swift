import FoundationEssentials

/// An absolute http or https URL.
struct WebAddress: Equatable {
    let text: String
    /// Scheme, host and port, which say who gets to see a token.
    let origin: String
    let isEncrypted: Bool

    init?(_ text: String) {
        guard let url = URL(string: text) else { return nil }
        self.init(url)
    }

    private init?(_ url: URL) {
        guard let scheme = url.scheme?.lowercased(), scheme == "http" || scheme == "https", let host = url.host(), !host.isEmpty else { return nil }
        guard url.user() == nil, url.password() == nil else { return nil }
        text = url.absoluteString
        isEncrypted = scheme == "https"
        origin = "\(scheme)://\(host.lowercased()):\(url.port ?? (isEncrypted ? 443 : 80))"
    }

    /// Where a Location header of this address leads.
    func redirected(to location: String) -> WebAddress? {
        guard let base = URL(string: text), let url = URL(string: location, relativeTo: base) else { return nil }
        return WebAddress(url.absoluteURL)
    }

    /// A path component or, with `keepingSlashes`, a path, with all but unreserved characters (RFC 3986) in percent form.
    static func encoded(_ text: String, keepingSlashes: Bool = false) -> String {
        var result = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            case UInt8(ascii: "/") where keepingSlashes: result += "/"
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                result += (digits.count == 1 ? "%0" : "%") + digits
            }
        }
        return result
    }
}
