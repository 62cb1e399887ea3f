import ApusBase

/// What a run knows besides its tensors: `state.json` of a checkpoint. Nothing in it depends on how many ranks there are.
package struct TrainingState: Sendable, Equatable {
    /// Steps taken.
    package var step: Int
    /// Tokens seen by all ranks together.
    package var tokens: Int
    /// Of the run so far, by the clock on the wall; checkpoints of earlier versions have none and begin at 0.
    package var elapsedSeconds: Double
    /// The states of the run's parts, each in the words of its own type.
    package var parts: [Part: JSON]
    /// The configuration as it was in effect, defaults included.
    package var configuration: JSON
    /// What wrote it: the program's name and its version.
    package var versions: [String: String]

    /// A part that keeps a state.
    package enum Part: String, CaseIterable, Sendable {
        case data, random, schedule, lossScaler = "loss_scaler", stability
    }

    package init(
        step: Int, tokens: Int, elapsedSeconds: Double = 0, parts: [Part: JSON], configuration: JSON, versions: [String: String]
    ) {
        self.step = step
        self.tokens = tokens
        self.elapsedSeconds = elapsedSeconds
        self.parts = parts
        self.configuration = configuration
        self.versions = versions
    }

    package var json: JSON {
        var object: JSONObject = ["step": .integer(step), "tokens": .integer(tokens), "elapsed_seconds": .number(elapsedSeconds)]
        for part in Part.allCases { object[part.rawValue] = parts[part] ?? .null }
        object["configuration"] = configuration
        object["versions"] = .object(versions.sorted { $0.key < $1.key }.reduce(into: JSONObject()) { $0[$1.key] = .string($1.value) })
        return .object(object)
    }

    package init(_ json: JSON, subject: String) throws(InputError) {
        func number(_ key: String) throws(InputError) -> Int {
            guard let value = json[key]?.int, value >= 0 else { throw InputError(subject, at: key, "must be a whole number from 0 on") }
            return value
        }
        step = try number("step")
        tokens = try number("tokens")
        elapsedSeconds = json["elapsed_seconds"]?.double ?? 0
        guard elapsedSeconds >= 0, elapsedSeconds.isFinite else { throw InputError(subject, at: "elapsed_seconds", "must be a number from 0 on") }
        parts = [:]
        for part in Part.allCases {
            guard let value = json[part.rawValue] else { throw InputError(subject, at: part.rawValue, "is missing") }
            if !value.isNull { parts[part] = value }
        }
        guard let configuration = json["configuration"] else { throw InputError(subject, at: "configuration", "is missing") }
        self.configuration = configuration
        versions = (json["versions"]?.object?.members ?? []).reduce(into: [:]) { $0[$1.key] = $1.value.string }
    }
}
