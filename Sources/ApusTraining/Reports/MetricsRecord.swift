import ApusBase

/// A line of `metrics.jsonl`: what was measured at a step. What was not is left out, and what is no finite number is `null`.
package struct MetricsRecord: Sendable, Equatable {
    /// From 1 on.
    package var step: Int
    /// Mean over the tokens that count, of the step itself.
    package var loss: Double?
    /// Before clipping.
    package var gradientNorm: Double?
    package var learningRate: Double?
    /// Seen so far by all ranks together.
    package var tokens: Int?
    package var tokensPerSecond: Double?
    /// Model FLOPs utilization: useful operations against what the processor could do.
    package var modelFlopsUtilization: Double?
    package var peakResidentByteCount: Int?
    package var validationLoss: Double?
    package var lossScale: Double?
    /// Steps skipped so far.
    package var skipped: Int?
    /// What happened since the last line, e.g. that the run went back to a checkpoint.
    package var event: String?

    package init(step: Int) { self.step = step }

    private static let numbers: [(key: String, path: WritableKeyPath<MetricsRecord, Double?> & Sendable)] = [
        ("loss", \.loss), ("gradient_norm", \.gradientNorm), ("learning_rate", \.learningRate), ("tokens_per_second", \.tokensPerSecond),
        ("mfu", \.modelFlopsUtilization), ("validation_loss", \.validationLoss), ("loss_scale", \.lossScale),
    ]
    private static let counts: [(key: String, path: WritableKeyPath<MetricsRecord, Int?> & Sendable)] = [
        ("tokens", \.tokens), ("peak_rss_bytes", \.peakResidentByteCount), ("skipped", \.skipped),
    ]

    package var json: JSON {
        var object: JSONObject = ["step": .integer(step)]
        for (key, path) in Self.numbers { object[key] = self[keyPath: path].map(JSON.number) }
        for (key, path) in Self.counts { object[key] = self[keyPath: path].map(JSON.integer) }
        object["event"] = event.map(JSON.string)
        return .object(object)
    }

    /// - Throws: an `InputError` when there is no step. Keys that are not known are passed over.
    package init(_ json: JSON, subject: String) throws(InputError) {
        guard let step = json["step"]?.int, step >= 1 else { throw InputError(subject, at: "step", "must be a whole number from 1 on") }
        self.step = step
        for (key, path) in Self.numbers {
            guard let value = json[key] else { continue }
            self[keyPath: path] = value.isNull ? .nan : value.double
        }
        for (key, path) in Self.counts { self[keyPath: path] = json[key]?.int }
        event = json["event"]?.string
    }
}
