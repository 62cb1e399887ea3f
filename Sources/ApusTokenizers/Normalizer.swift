/// Changes text before it is split: steps one after the other, as `tokenizer.json` and model files name them.
struct Normalizer: Sendable {
    enum Step: Sendable {
        case unicode(Normalization.Form)
        case lowercase
        case strip(left: Bool, right: Bool)
        case stripAccents
        case replace(Pattern, with: [UInt8])
        case prepend([UInt8])
        case charsMap(PrecompiledCharsMap)
        case bert(BertNormalizer)
        case nmt
        /// Tokens of ChatGLM-6B for two and more spaces.
        case runsOfSpaces
        case sentencePiece(SentencePieceNormalizer)
        /// Bytes that are no UTF-8 become U+FFFD.
        case wellFormed
    }

    enum Pattern: Sendable {
        case text([UInt8])
        case regex(PatternProgram)
    }

    var steps: [Step] = []

    /// The changed text, or nil when nothing changes.
    ///
    /// - Parameter isFirst: whether the text is the beginning of what is encoded.
    func normalized(_ text: UnsafeBufferPointer<UInt8>, isFirst: Bool) -> [UInt8]? {
        var result: [UInt8]?
        for step in steps {
            if let current = result {
                if let changed = current.withUnsafeBufferPointer({ apply(step, $0, isFirst) }) { result = changed }
            } else {
                result = apply(step, text, isFirst)
            }
        }
        return result
    }

    /// The same for text that is known beforehand: that of a token.
    func normalized(_ text: [UInt8]) -> [UInt8] {
        text.withUnsafeBufferPointer { normalized($0, isFirst: true) } ?? text
    }

    private func apply(_ step: Step, _ text: UnsafeBufferPointer<UInt8>, _ isFirst: Bool) -> [UInt8]? {
        switch step {
        case .unicode(let form): return Normalization.normalized(text, form)
        case .lowercase: return Self.lowercased(text)
        case .strip(let left, let right): return Self.stripped(text, left, right)
        case .stripAccents:
            guard text.contains(where: { $0 >= 0xCC }) else { return nil }
            let kept = String(decoding: text, as: UTF8.self).unicodeScalars.filter { !TextClasses.shared.has($0.value, .accent) }
            return Array(String(String.UnicodeScalarView(kept)).utf8)
        case .replace(.text(let old), let new): return Self.replaced(text, old, new)
        case .replace(.regex(let program), let new): return Self.replaced(text, program, new)
        case .prepend(let prefix): return text.isEmpty ? nil : prefix + text
        case .charsMap(let map): return map.applied(String(decoding: text, as: UTF8.self))
        case .bert(let normalizer): return normalizer.normalized(text)
        case .nmt: return Self.cleaned(text)
        case .runsOfSpaces: return WhiteSpace.replacingRuns(text)
        case .sentencePiece(let normalizer): return normalizer.normalized(text, isFirst: isFirst)
        case .wellFormed:
            guard text.contains(where: { $0 >= 0x80 }) else { return nil }
            return Array(String(decoding: text, as: UTF8.self).utf8)
        }
    }

    /// Each code point by its own mapping, without regard to its neighbours.
    private static func lowercased(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(text.count)
        var p = text.baseAddress ?? UnsafePointer(bitPattern: 1)!
        let end = p + text.count
        while p < end {
            let scalar = UTF8Scanning.scalar(p, end)
            if scalar.value < 0x80 {
                result.append(0x41...0x5A ~= scalar.value ? p[0] | 0x20 : p[0])
            } else if scalar.length > 1, let value = Unicode.Scalar(scalar.value) {
                result += value.properties.lowercaseMapping.utf8
            } else {
                result.append(p[0])
            }
            p += scalar.length
        }
        return result
    }

    private static func stripped(_ text: UnsafeBufferPointer<UInt8>, _ left: Bool, _ right: Bool) -> [UInt8]? {
        guard let start = text.baseAddress else { return nil }
        let classifier = TextClassifier()
        var (low, high) = (start, start + text.count)
        if left { low = classifier.run(of: .whiteSpace, low, high) }
        while right, high > low {
            let length = UTF8Scanning.lengthBefore(high, low)
            guard CategorySet.whiteSpace.has(classifier.item(high - length, high).category) else { break }
            high -= length
        }
        return high - low == text.count ? nil : Array(UnsafeBufferPointer(start: low, count: high - low))
    }

    private static func replaced(_ text: UnsafeBufferPointer<UInt8>, _ old: [UInt8], _ new: [UInt8]) -> [UInt8]? {
        guard let first = old.first, text.contains(first) else { return nil }
        var result: [UInt8] = []
        result.reserveCapacity(text.count + text.count / 2)
        var at = 0
        while at < text.count {
            if text[at] == first, at + old.count <= text.count, old.count == 1 || text[at..<at + old.count].elementsEqual(old) {
                result += new
                at += old.count
            } else {
                result.append(text[at])
                at += 1
            }
        }
        return result
    }

    private static func replaced(_ text: UnsafeBufferPointer<UInt8>, _ program: PatternProgram, _ new: [UInt8]) -> [UInt8]? {
        guard let start = text.baseAddress, !text.isEmpty else { return nil }
        var matcher = PatternMatcher(program)
        let end = start + text.count
        var result: [UInt8] = []
        var p = start
        var last: Range<UnsafePointer<UInt8>>?
        while let match = matcher.find(after: last, in: start, end) {
            result += UnsafeBufferPointer(start: p, count: match.lowerBound - p)
            result += new
            p = match.upperBound
            last = match
        }
        return last == nil ? nil : result + UnsafeBufferPointer(start: p, count: end - p)
    }

    /// SentencePiece's rules for machine translation: controls go, kinds of space become spaces.
    private static func cleaned(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        var result = String.UnicodeScalarView()
        for scalar in String(decoding: text, as: UTF8.self).unicodeScalars {
            switch scalar.value {
            case 0x01...0x08, 0x0B, 0x0E...0x1F, 0x7F, 0x8F, 0x9F: continue
            case 0x09, 0x0A, 0x0C, 0x0D, 0x1680, 0x200B...0x200F, 0x2028, 0x2029, 0x2581, 0xFEFF, 0xFFFD: result.append(" ")
            default: result.append(scalar)
            }
        }
        return Array(String(result).utf8)
    }
}
