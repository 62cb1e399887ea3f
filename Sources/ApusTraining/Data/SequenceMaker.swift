import ApusBase

/// Makes the sequences of a recipe, one after the other from a position on. What a sequence holds depends on its number alone.
struct SequenceMaker: Sendable {
    let recipe: DataRecipe
    let groups: [SourceGroup]
    let objectives: [ObjectiveRecipe]
    private(set) var position: DataPosition

    /// - Throws: an `InputError` when the position is of other data.
    init(_ recipe: DataRecipe, _ groups: [SourceGroup], _ objectives: [ObjectiveRecipe], resuming: DataPosition?) throws(InputError) {
        self.recipe = recipe
        self.groups = groups
        self.objectives = objectives
        position = DataPosition()
        position.taken = groups.map { _ in 0 }
        position.data = Self.words(recipe, groups)
        guard let resuming else { return }
        guard resuming.data == position.data, resuming.taken.count == groups.count else {
            throw InputError(
                "the checkpoint", "was made with other data: \(resuming.data), not \(position.data)",
                remedy: "resume with the data and settings of its run, or start a new run in another folder")
        }
        position = resuming
    }

    private static func words(_ recipe: DataRecipe, _ groups: [SourceGroup]) -> String {
        let sizes = groups.map { "\($0.corpus.count) tokens in \($0.plan.count) sequences of weight \($0.weight)" }.joined(separator: ", ")
        let settings = recipe.settings
        return "\(sizes); sequence_length \(settings.sequenceLength), pack \(settings.pack), shuffle \(settings.shuffle), seed \(settings.seed)"
    }

    /// Sequences until all data have been read once; nil when they are read again and again.
    var end: Int? { recipe.repeats ? nil : groups.reduce(0) { $0 + $1.plan.count } }

    /// The next sequence that has a token to predict; nil at the end.
    /// - Throws: an `InputError` when no sequence of the data has one.
    mutating func next() throws(InputError) -> TrainingSequence? {
        let first = position.sequences
        for _ in 0...groups.reduce(0, { $0 + $1.plan.count }) {
            if let end, position.sequences >= end {
                guard first == 0 else { return nil }
                break
            }
            let sequence = try any()
            if sequence.countedTokens > 0 { return sequence }
        }
        throw InputError(
            groups.map(\.corpus.subject).joined(separator: ", "), "no sequence of the data has a token to predict", remedy: "give longer documents")
    }

    private mutating func any() throws(InputError) -> TrainingSequence {
        let number = position.sequences, group = nextGroup()
        let place = position.taken[group], plan = groups[group].plan, epoch = place / plan.count
        var index = place % plan.count
        if recipe.settings.shuffle {
            index = WindowOrder(count: plan.count, seed: UInt64(recipe.settings.seed), epoch: epoch, corpus: group)[index]
        }
        let (ids, documents) = try groups[group].corpus.read(plan[index])
        position.sequences += 1
        position.taken[group] += 1
        var random = stream(number, .corruption)
        return objective(number).sequence(
            TokenStretch(ids: ids, documents: documents), stride: groups[group].stride, window: recipe.settings.sequenceLength, random: &random)
    }

    /// The group that is furthest behind its share, as Megatron-LM blends data sets: after n sequences each has its share within one.
    private func nextGroup() -> Int {
        if !recipe.repeats { return groups.indices.first { position.taken[$0] < groups[$0].plan.count }! }
        let total = groups.reduce(0) { $0 + $1.weight }, next = Double(position.sequences + 1)
        func lag(_ group: Int) -> Double { next * groups[group].weight / total - Double(position.taken[group]) }
        return groups.indices.max { lag($0) < lag($1) }!
    }

    private func objective(_ number: Int) -> ObjectiveRecipe {
        guard objectives.count > 1 else { return objectives[0] }
        var random = stream(number, .objective)
        var left = random.uniform() * recipe.objective.parts.reduce(0) { $0 + $1.weight }
        for (objective, part) in zip(objectives, recipe.objective.parts) {
            left -= part.weight
            if left < 0 { return objective }
        }
        return objectives.last!
    }

    private func stream(_ number: Int, _ site: RandomStream.Site) -> RandomStream {
        RandomStream(
            seed: UInt64(recipe.settings.seed), step: number / recipe.sequencesPerStep + 1, sequence: number % recipe.sequencesPerStep, site: site)
    }
}
