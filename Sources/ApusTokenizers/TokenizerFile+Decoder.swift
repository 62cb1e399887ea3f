import ApusBase

extension TokenizerFile {
    func readDecoder(isByteLevel: Bool) throws(InputError) -> TokenDecoder {
        if decoder.isNull { return isByteLevel ? .byteLevel : TokenDecoder(steps: [.spaced]) }
        var result = TokenDecoder()
        var isFused = false
        try add(decoder, to: &result, &isFused, at: "decoder")
        guard result.isByteLevel == isByteLevel else {
            throw error("decoder", isByteLevel ? "is not that of a byte-level BPE" : "\"ByteLevel\" is the decoder of a byte-level BPE, which this is not")
        }
        guard !isByteLevel || result.steps.isEmpty && result.leading.count == 0 && !result.hasByteFallback else {
            throw error("decoder", "a step beside \"ByteLevel\" that changes text is not supported")
        }
        return result
    }

    private func add(_ component: JSON, to result: inout TokenDecoder, _ isFused: inout Bool, at location: String) throws(InputError) {
        guard let type = component["type"]?.string else { throw error(location, "must have a \"type\"") }
        if let known = Self.decoderOptions[type] { try check(component, known, at: location) }
        switch type {
        case "Sequence":
            for (index, part) in try parts(component, "decoders", at: location).enumerated() {
                try add(part, to: &result, &isFused, at: "\(location).decoders[\(index)]")
            }
        case "ByteLevel":
            guard !result.isByteLevel, !isFused else { throw error(location, "\"ByteLevel\" is supported once, and before \"Fuse\"") }
            result.isByteLevel = true
        case "ByteFallback": result.hasByteFallback = true
        case "Fuse": isFused = true
        case "Strip": try addStrip(component, to: &result, isFused, at: location)
        case "Replace":
            guard let old = component["pattern"]?["String"]?.string, !old.isEmpty, let new = component["content"]?.string else {
                throw error(location, "must have a \"pattern\" with a \"String\", and a text \"content\"")
            }
            // One character lies in one token, so that it is the same before and after they are joined.
            guard !isFused || old.unicodeScalars.count == 1 else { throw error(location, "\"Replace\" after \"Fuse\" is supported for one character") }
            result.steps.append(.replace(Array(old.utf8), with: Array(new.utf8)))
        case _ where isFused: throw error(location, "the decoder \"\(type)\" after \"Fuse\" is not supported")
        case "Metaspace":
            let scheme = try prepending(component, at: location)
            result.steps.append(.metaspace(mark: try mark(component, at: location), dropsFirst: scheme != .never))
        case "WordPiece":
            let prefix = try text(component, "prefix", at: location) ?? "##"
            result.steps.append(.wordPiece(prefix: Array(prefix.utf8), cleansUp: try flag(component, "cleanup", true, at: location)))
        case "BPEDecoder": result.steps.append(.wordEnd(Array((try text(component, "suffix", at: location) ?? "</w>").utf8)))
        default: throw error(location, "the decoder \"\(type)\" is not supported")
        }
    }

    private static let decoderOptions: [String: Set<String>] = [
        "ByteLevel": byteLevelOptions, "ByteFallback": [], "Fuse": [], "Strip": ["content", "start", "stop"], "Replace": ["pattern", "content"],
        "Metaspace": metaspaceOptions, "WordPiece": ["prefix", "cleanup"], "BPEDecoder": ["suffix"],
    ]

    private func addStrip(_ component: JSON, to result: inout TokenDecoder, _ isFused: Bool, at location: String) throws(InputError) {
        guard let content = component["content"]?.string, content.unicodeScalars.count == 1, let start = component["start"]?.int,
            let stop = component["stop"]?.int, start >= 0, stop >= 0
        else { throw error(location, "must have a \"content\" of one character, and numbers \"start\" and \"stop\"") }
        let character = Array(content.utf8)
        if !isFused {
            result.steps.append(.strip(character, start: start, stop: stop))
        } else {
            guard stop == 0, result.leading.count == 0 else { throw error(location, "\"Strip\" after \"Fuse\" is supported once, at the start") }
            result.leading = (character, start)
        }
    }
}
