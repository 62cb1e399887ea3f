import Glibc

/// Numbers as people read them.
enum Figure {
    /// C's format of one double, e.g. `%.3f`.
    static func text(_ format: String, _ value: Double) -> String {
        var buffer = [CChar](repeating: 0, count: 400)
        let count = withVaList([value]) { vsnprintf(&buffer, buffer.count, format, $0) }
        return String(decoding: buffer.prefix(Int(max(0, min(count, 399)))).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// "3.142", "0.0003", "1.2e-05": so many significant digits, without zeros at the end.
    static func significant(_ value: Double, _ digits: Int = 4) -> String {
        value.isFinite ? text("%.\(digits)g", value) : "\(value)"
    }

    /// "0.002", "3 × 10⁻⁴".
    static func scientific(_ value: Double) -> String {
        guard value != 0, abs(value) < 0.001, value.isFinite else { return significant(value, 3) }
        let parts = text("%.2e", value).split(separator: "e")
        var mantissa = parts[0]
        while mantissa.hasSuffix("0") { mantissa.removeLast() }
        if mantissa.hasSuffix(".") { mantissa.removeLast() }
        let digits: [Character] = ["⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"]
        let exponent = String(abs(Int(parts[1]) ?? 0)).compactMap { $0.wholeNumberValue.map { digits[$0] } }
        return mantissa + " × 10⁻" + String(exponent)
    }

    /// "950", "18.4 k", "1.35 M".
    static func count(_ value: Int) -> String { count(Double(value)) }

    static func count(_ value: Double) -> String {
        scaled(value, 1000, ["", " k", " M", " G", " T"])
    }

    /// "512 B", "1.42 GB": in powers of 1000.
    static func bytes(_ value: Double) -> String {
        scaled(value, 1000, [" B", " kB", " MB", " GB", " TB"])
    }

    private static func scaled(_ value: Double, _ step: Double, _ units: [String]) -> String {
        guard value.isFinite else { return "\(value)" }
        var rest = abs(value), unit = 0
        // 999.6 k would be written as 1000 k.
        while rest >= step - 0.5, unit < units.count - 1 {
            rest /= step
            unit += 1
        }
        let isWhole = unit == 0 && rest == rest.rounded()
        let digits = isWhole || rest >= 99.95 ? 0 : rest >= 9.995 ? 1 : 2
        return (value < 0 ? "-" : "") + text("%.\(digits)f", rest) + units[unit]
    }

    /// "12 s", "3 min 05 s", "36 min", "2 h 05 min", "3 d 04 h".
    static func duration(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds < 1e9 else { return "–" }
        let whole = Int(max(0, seconds).rounded())
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        switch whole {
        case ..<60: return "\(whole) s"
        case ..<600: return "\(whole / 60) min \(two(whole % 60)) s"
        case ..<3600: return "\(whole / 60) min"
        case ..<86400: return "\(whole / 3600) h \(two(whole % 3600 / 60)) min"
        default: return "\(whole / 86400) d \(two(whole % 86400 / 3600)) h"
        }
    }

    /// "1.50 GB" as "1.5 GB", "2.00 k" as "2 k".
    static func trimmed(_ text: String) -> String {
        let figure = text.prefix { $0.isNumber || $0 == "." || $0 == "-" }
        guard figure.contains("."), text[figure.endIndex...].first != "e" else { return text }
        var short = figure
        while short.hasSuffix("0") { short.removeLast() }
        if short.hasSuffix(".") { short.removeLast() }
        return String(short + text[figure.endIndex...])
    }

    /// Digits in groups of three: "12 345".
    static func grouped(_ value: Int) -> String {
        var digits = Array(String(abs(value)))
        for place in stride(from: digits.count - 3, to: 0, by: -3) { digits.insert("\u{202F}", at: place) }
        return (value < 0 ? "-" : "") + String(digits)
    }

    static func padded(_ text: String, _ width: Int) -> String { text + String(repeating: " ", count: max(0, width - text.count)) }
    static func leftPadded(_ text: String, _ width: Int) -> String { String(repeating: " ", count: max(0, width - text.count)) + text }
}
