/// Where a run is: what the progress line and the head of the report show.
package struct TrainingProgress: Sendable, Equatable {
    package var step: Int
    package var totalSteps: Int
    package var loss: Double?
    package var validationLoss: Double?
    package var tokensPerSecond: Double?
    /// Operations of a token, forward and backward: three times `DecoderDescription.flopsPerToken(context:)` of the sequence length.
    package var flopsPerToken: Double
    /// Measured, of all ranks' processors together; nil where none was.
    package var peakFlopsPerSecond: Double?
    /// Seconds of a step, of the last ones.
    package var secondsPerStep: Double?
    package var residentByteCount: Int?
    /// Steps skipped so far.
    package var skipped: Int

    package init(step: Int, totalSteps: Int, flopsPerToken: Double, skipped: Int = 0) {
        self.step = step
        self.totalSteps = totalSteps
        self.flopsPerToken = flopsPerToken
        self.skipped = skipped
    }

    /// Model FLOPs utilization (Chowdhery et al. 2022, appendix B): useful operations against what the machine could do.
    package var modelFlopsUtilization: Double? {
        guard let tokensPerSecond, let peakFlopsPerSecond, peakFlopsPerSecond > 0 else { return nil }
        return tokensPerSecond * flopsPerToken / peakFlopsPerSecond
    }

    /// Seconds to go.
    package var remainingSeconds: Double? { secondsPerStep.map { $0 * Double(max(0, totalSteps - step)) } }

    /// One line of at most `width` characters, what matters least left out.
    package func line(width: Int) -> String {
        let percent = totalSteps > 0 ? Figure.text("%.1f", 100 * Double(step) / Double(totalSteps)) + "%" : ""
        // In the order of the line, and how soon each goes when there is no room.
        var parts: [(text: String, importance: Int)] = [("step \(step)/\(totalSteps)", 9), (percent, 4)]
        if let loss { parts.append(("loss " + Figure.text("%.4f", loss), 8)) }
        if let validationLoss { parts.append(("validation " + Figure.text("%.4f", validationLoss), 5)) }
        if let tokensPerSecond { parts.append((Figure.count(tokensPerSecond.rounded()) + " tokens/s", 7)) }
        if let modelFlopsUtilization { parts.append(("MFU " + Figure.text("%.1f", 100 * modelFlopsUtilization) + "%", 3)) }
        if let remainingSeconds { parts.append(("ETA " + Figure.duration(remainingSeconds), 6)) }
        if let residentByteCount { parts.append((Figure.bytes(Double(residentByteCount)), 2)) }
        if skipped > 0 { parts.append(("\(skipped) skipped", 1)) }
        parts.removeAll { $0.text.isEmpty }
        func joined() -> String { parts.map(\.text).joined(separator: " · ") }
        while joined().count > width, parts.count > 1 {
            parts.remove(at: parts.indices.min { parts[$0].importance < parts[$1].importance }!)
        }
        return String(joined().prefix(max(0, width)))
    }
}
