import ApusBase
import Glibc

/// Sources that are read as one row of tokens, with how it is cut.
struct SourceGroup: Sendable {
    let corpus: TokenCorpus
    let plan: WindowPlan
    /// Tokens of a stretch of the plan at most, without the one behind it.
    let stride: Int
    /// Share of the sequences, relative to the other groups'.
    let weight: Double
    /// What a person should know of it.
    let notes: [String]

    /// Opens the sources of a recipe: those without weights as one group, those with weights as one each.
    /// - Parameter check: called now and then while texts are turned into tokens; what it throws ends the work.
    static func open(_ recipe: DataRecipe, objectives: [ObjectiveRecipe], check: () throws -> Void) throws -> [SourceGroup] {
        let lists = recipe.sources.contains { $0.weight != nil } ? recipe.sources.map { [$0] } : [recipe.sources]
        var groups: [SourceGroup] = []
        for list in lists {
            let corpus = try self.corpus(list.map(\.path), recipe, number: groups.count, check: check)
            groups.append(try SourceGroup(corpus, weight: list[0].weight ?? 1, recipe, objectives))
        }
        return groups
    }

    private init(_ corpus: TokenCorpus, weight: Double, _ recipe: DataRecipe, _ objectives: [ObjectiveRecipe]) throws(InputError) {
        let window = recipe.settings.sequenceLength, stride = objectives.compactMap { $0.stride(window: window) }.min()!
        var notes: [String] = []
        if corpus.isSigned {
            let (plan, cut, lost) = try WindowPlan.wholeDocuments(of: corpus, stride: stride, packs: recipe.settings.pack)
            self.plan = plan
            if cut > 0 {
                notes.append(
                    "\(corpus.subject): \(cut) conversations are longer than data.sequence_length, \(window), and are cut off there"
                        + (lost > 0 ? "; \(lost) of them have no answer before the cut, and nothing is learnt from them" : ""))
            }
        } else if recipe.settings.pack {
            plan = WindowPlan.windows(of: corpus, stride: stride)
            let long = try corpus.documents(longerThan: stride + 1)
            if long > 0 {
                notes.append("\(corpus.subject): \(long) documents are longer than data.sequence_length, \(window); no window sees what stands in another")
            }
        } else {
            let (plan, split) = try WindowPlan.documents(of: corpus, stride: stride)
            self.plan = plan
            if split > 0 { notes.append("\(corpus.subject): \(split) documents are longer than data.sequence_length, \(window), and become several rows") }
        }
        guard plan.count > 0 else {
            throw InputError(
                corpus.subject, "holds \(corpus.count) tokens, which do not make one sequence of data.sequence_length, \(window), and the token behind it",
                remedy: "give more data or lower data.sequence_length")
        }
        self.corpus = corpus
        self.stride = stride
        self.weight = weight
        self.notes = notes
    }

    /// Neighbouring files of text become one data set.
    private static func corpus(_ paths: [String], _ recipe: DataRecipe, number: Int, check: () throws -> Void) throws -> TokenCorpus {
        let marksAnswers = recipe.objective.parts[0].kind == .instruction
        var parts: [IndexedDataset] = [], texts: [String] = []
        func closeTexts() throws {
            guard !texts.isEmpty else { return }
            guard let tokenizer = recipe.tokenizer else {
                throw InputError(texts[0], "is text, and no tokenizer is given", remedy: "set data.tokenizer to a folder with one, or give .bin and .idx files")
            }
            let encoder = DocumentEncoder(
                tokenizer: tokenizer, template: recipe.template, appendsEOS: recipe.settings.appendEOS, marksAnswers: marksAnswers)
            let prefix = "\(recipe.scratchFolder)/tokens-\(getpid())-\(number)-\(parts.count)" + (recipe.repeats ? "" : "-validation") + ".partial"
            // The open files outlive their names, so that nothing is left behind however the run ends.
            let data = try withExtendedLifetime([".bin", ".idx"].map { TemporaryFile(path: prefix + $0) }) { _ in
                try CorpusTokenizer(encoder, threads: recipe.threads).tokenize(texts, prefix: prefix, check: check).finish()
                return try IndexedDataset(prefix: prefix, texts: texts)
            }
            parts.append(data)
            texts = []
        }
        for path in paths {
            if DocumentFiles.isText(path) {
                texts.append(path)
                continue
            }
            try closeTexts()
            guard !marksAnswers else {
                throw InputError(path, "objective.kind instruction needs messages, which .bin files have none of", remedy: "give .jsonl files")
            }
            parts.append(try IndexedDataset(prefix: prefix(path)))
        }
        try closeTexts()
        return TokenCorpus(parts, vocabularySize: recipe.model.vocabularySize, isSigned: marksAnswers)
    }

    /// The files' common prefix, however they are named.
    private static func prefix(_ path: String) throws(InputError) -> String {
        let prefix = path.hasSuffix(".bin") || path.hasSuffix(".idx") ? String(path.dropLast(4)) : path
        guard fileExists(prefix + ".idx") else {
            throw InputError(
                path, "is neither a .txt nor a .jsonl file, nor are there \(prefix).bin and \(prefix).idx", remedy: "check the path")
        }
        return prefix
    }
}
