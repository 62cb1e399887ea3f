import ApusBase
import ApusInference
import ArgumentParser

struct ScoreVerb: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "score", abstract: "Tell how likely a model finds given tokens.")

    @OptionGroup var options: ModelOptions
    @OptionGroup var output: OutputOptions
    @Option(name: .long, help: "Ids, for example 1,2,3.") var ids: NumberList<Int32>?
    @Option(name: .long, help: "A JSON list of ids, or a list of such lists.") var idsFile: String?

    func validate() throws {
        guard (ids == nil) != (idsFile == nil) else { throw ValidationError("give either --ids or --ids-file") }
    }

    func run() throws {
        let sequences = try sequences()
        let loaded = try options.loadDecoder()
        var likelihoods: [JSON] = [], matches: [JSON] = []
        for sequence in sequences {
            let score = try Score.of(sequence, model: loaded.decoder, backend: loaded.backend, cacheType: options.cacheType())
            likelihoods.append(.number(score.logLikelihood))
            matches.append(.integer(score.greedyMatches))
            output.text("log-likelihood \(decimal(score.logLikelihood, 4)), \(score.greedyMatches) of \(sequence.count - 1) tokens greedy")
        }
        output.json(["log_likelihood": .array(likelihoods), "greedy_matches": .array(matches)])
    }

    private func sequences() throws -> [[Int32]] {
        if let ids { return [ids.values] }
        let path = idsFile!
        let json = try JSON(contentsOf: path)
        guard let list = json.array else { throw InputError(path, "is \(json.kind), not a list of token ids") }
        guard !list.isEmpty else { throw InputError(path, "holds no token ids") }
        guard list.allSatisfy({ $0.array != nil }) else { return [try numbers(list, path)] }
        return try list.enumerated().map { index, value in
            let ids = try numbers(value.array!, path)
            guard !ids.isEmpty else { throw InputError(path, at: "list \(index)", "holds no token ids") }
            return ids
        }
    }

    private func numbers(_ list: [JSON], _ path: String) throws(InputError) -> [Int32] {
        var ids: [Int32] = []
        for value in list {
            guard let id = value.int.flatMap({ Int32(exactly: $0) }) else { throw InputError(path, "\(value.serialized()) is no token id") }
            ids.append(id)
        }
        return ids
    }
}
