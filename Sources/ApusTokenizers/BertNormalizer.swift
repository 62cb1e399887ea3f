/// BERT's normaliser (Devlin et al. 2019, BasicTokenizer): cleans text, sets Chinese characters apart, strips accents, lowercases.
struct BertNormalizer: Sendable, Equatable {
    var cleansText = true
    var setsChineseApart = true
    var stripsAccents = true
    var lowercases = true

    func normalized(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(text.count + 16)
        var at = 0
        while at < text.count {
            // ASCII is what most text is made of; a mark may follow its last character, which changes nothing about that.
            let start = at
            while at < text.count, text[at] < 0x80 { at += 1 }
            appendASCII(UnsafeBufferPointer(rebasing: text[start..<at]), to: &result)
            let other = at
            while at < text.count, text[at] >= 0x80 { at += 1 }
            if other < at { appendOther(UnsafeBufferPointer(rebasing: text[other..<at]), to: &result) }
        }
        return result
    }

    private func appendASCII(_ text: UnsafeBufferPointer<UInt8>, to result: inout [UInt8]) {
        for byte in text {
            switch byte {
            case 0x41...0x5A: result.append(lowercases ? byte | 0x20 : byte)
            case 0x20...0x7E: result.append(byte)
            case 0x09, 0x0A, 0x0D: result.append(cleansText ? 0x20 : byte)
            default: if !cleansText { result.append(byte) }
            }
        }
    }

    private func appendOther(_ text: UnsafeBufferPointer<UInt8>, to result: inout [UInt8]) {
        var scalars = String.UnicodeScalarView()
        for scalar in String(decoding: text, as: UTF8.self).unicodeScalars {
            let value = scalar.value
            if cleansText {
                if value == 0xFFFD || TextClasses.shared.has(value, .bertRemoved) { continue }
                if scalar.properties.isWhitespace {
                    scalars.append(" ")
                    continue
                }
            }
            if setsChineseApart, Self.isChinese(value) {
                scalars.append(" ")
                scalars.append(scalar)
                scalars.append(" ")
            } else {
                scalars.append(scalar)
            }
        }
        if stripsAccents {
            let decomposed = Normalization.decomposed(String(scalars)).unicodeScalars
            scalars = String.UnicodeScalarView(decomposed.filter { !TextClasses.shared.has($0.value, .bertMark) })
        }
        guard lowercases else {
            result += String(scalars).utf8
            return
        }
        for scalar in scalars { result += scalar.properties.lowercaseMapping.utf8 }
    }

    /// The blocks as BERT's code lists them, and one bound as Hugging Face's does (U+2B920 where U+2B820 is meant).
    static func isChinese(_ value: UInt32) -> Bool {
        switch value {
        case 0x4E00...0x9FFF, 0x3400...0x4DBF, 0x20000...0x2A6DF, 0x2A700...0x2B73F, 0x2B740...0x2B81F, 0x2B920...0x2CEAF, 0xF900...0xFAFF,
            0x2F800...0x2FA1F:
            true
        default: false
        }
    }
}
