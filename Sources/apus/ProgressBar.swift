import Glibc
import Synchronization

/// One line on standard error, drawn over at most ten times a second, and only if that is a terminal.
final class ProgressBar: Sendable {
    private struct State {
        var drawn: ContinuousClock.Instant?
        var start = ContinuousClock.now
        var startCount: Int?
    }

    private let state = Mutex(State())
    private let isShown = isatty(2) == 1

    func show(_ count: Int, of total: Int, _ label: String) {
        guard isShown else { return }
        state.withLock { state in
            let now = ContinuousClock.now
            if let drawn = state.drawn, drawn.duration(to: now) < .milliseconds(100), count < total { return }
            if state.startCount == nil { (state.start, state.startCount) = (now, count) }
            state.drawn = now
            let fraction = total > 0 ? Double(count) / Double(total) : 1
            let rate = Double(count - state.startCount!) / max(state.start.duration(to: now).seconds, 0.001) / 1e6
            let filled = Int(max(min(fraction, 1), 0) * 30)
            let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: 30 - filled)
            draw(
                "[\(bar)] \(decimal(fraction * 100, 1))% \(decimal(Double(count) / 1e6, 1)) of \(decimal(Double(total) / 1e6, 1)) MB, \(decimal(rate, 1)) MB/s \(label)"
            )
        }
    }

    /// Leaves the cursor on a line of its own.
    func finish() {
        if state.withLock({ $0.drawn }) != nil { printError("") }
    }

    private func draw(_ line: String) {
        var size = winsize()
        let width = ioctl(2, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 1 ? Int(size.ws_col) - 1 : 79
        var text = "\r" + line.prefix(width) + "\u{1B}[K"
        text.withUTF8 { _ = write(2, $0.baseAddress, $0.count) }
    }
}
