import ApusBase
import ArgumentParser
import Glibc

/// Text for people, or one JSON object for scripts.
struct OutputOptions: ParsableArguments {
    enum Kind: String, ExpressibleByArgument, CaseIterable { case text, json }

    @Option(name: .long, help: "What to print on standard output.")
    var output = Kind.text

    /// Prints a line in text mode.
    func text(_ line: String) {
        if output == .text { writeOut(line + "\n") }
    }

    /// Prints the object in JSON mode.
    func json(_ object: JSONObject) {
        if output == .json { writeOut(JSON.object(object).serialized() + "\n") }
    }
}

/// A number with a fixed count of decimals.
func decimal(_ value: Double, _ digits: Int) -> String {
    let scale = pow(10, Double(digits))
    guard abs(value) * scale < 0x1p50 else { return "\(value)" }
    let rounded = (abs(value) * scale).rounded()
    let whole = Int(rounded / scale), part = Int(rounded - Double(whole) * scale)
    let fraction = String(part)
    let text = digits == 0 ? "\(whole)" : "\(whole)." + String(repeating: "0", count: digits - fraction.count) + fraction
    return value < 0 ? "-" + text : text
}

/// The most memory this process has held.
func peakResidentBytes() -> Int {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_maxrss * 1024
}
