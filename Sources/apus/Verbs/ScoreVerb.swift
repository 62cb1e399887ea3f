import ApusBase
import ApusCheckpoints
import ApusInference
import ApusModels
import ArgumentParser

struct ScoreVerb: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "score", abstract: "Tell how likely a model finds given tokens.")

    @OptionGroup var options: ModelOptions
    @OptionGroup var output: OutputOptions
    @Option(name: .long, help: "Ids, for example 1,2,3.") var ids: NumberList<Int32>?
    @Option(name: .long, help: "A JSON list of ids, or a list of such lists.") var idsFile: String?
    @Option(name: .long, help: "Ids of the answer that is scored, of a model whose encoder reads --ids.") var decoderIds: NumberList<Int32>?
    @Option(name: .long, help: "How many of the first tokens see one another in both directions, of a prefix model; else those before its start token.")
    var prefixLength: Int?
    @Option(name: .long, help: "A .safetensors file for the logits: logits.0, logits.1 …, f32 [tokens, vocabulary].") var logitsOut: String?

    func validate() throws {
        guard (ids == nil) != (idsFile == nil) else { throw ValidationError("give either --ids or --ids-file") }
        guard decoderIds == nil || ids != nil else { throw ValidationError("--decoder-ids needs --ids") }
        if let logitsOut, !logitsOut.hasSuffix(".safetensors") {
            throw ValidationError("--logits-out: \(logitsOut) does not end in .safetensors")
        }
    }

    func run() throws {
        var sequences = try sequences()
        let loaded = try options.loadDecoder(), cacheType = options.run.measuringCacheType
        var memory: EncoderMemory?
        if let decoderIds {
            memory = try EncoderMemory(loaded.decoder, encoding: sequences[0], cacheType: cacheType)
            sequences = [decoderIds.values]
        }
        let writer = try logitsWriter(sequences, vocabularySize: loaded.decoder.description.vocabularySize)
        var likelihoods: [JSON] = [], matches: [JSON] = []
        for sequence in sequences {
            let score = try Score.of(
                sequence, model: loaded.decoder, backend: loaded.backend, cacheType: cacheType, memory: memory, prefixLength: prefixLength
            ) { _, rows in
                guard let writer else { return }
                for row in 0..<rows.count { try writer.append(UnsafeRawBufferPointer(rows[row])) }
            }
            likelihoods.append(.number(score.logLikelihood))
            matches.append(.integer(score.greedyMatches))
            output.text("log-likelihood \(decimal(score.logLikelihood, 4)), \(score.greedyMatches) of \(max(sequence.count - 1, 0)) tokens greedy")
        }
        try writer?.finish()
        output.json(["log_likelihood": .array(likelihoods), "greedy_matches": .array(matches)])
    }

    /// Takes the logits in the order of the sequences, as they come.
    private func logitsWriter(_ sequences: [[Int32]], vocabularySize: Int) throws(InputError) -> SafetensorsWriter? {
        guard let logitsOut else { return nil }
        let plans = sequences.enumerated().compactMap { TensorPlan("logits.\($0)", .f32, shape: [$1.count, vocabularySize]) }
        return try SafetensorsWriter(path: logitsOut, tensors: plans)
    }

    private func sequences() throws -> [[Int32]] {
        if let ids { return [ids.values] }
        let path = idsFile!
        let json = try JSON(contentsOf: path)
        guard let list = json.array else { throw InputError(path, "is \(json.kind), not a list of token ids") }
        guard !list.isEmpty else { throw InputError(path, "holds no token ids") }
        guard list.allSatisfy({ $0.array != nil }) else { return [try numbers(list, path)] }
        return try list.map { try numbers($0.array!, path) }
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
