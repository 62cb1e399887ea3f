import ApusBase

extension ObjectiveRecipe {
    /// The objectives of a recipe, in the order of its mixture.
    /// - Throws: an `InputError` for what the model or its tokenizer lacks.
    static func all(of recipe: DataRecipe) throws(InputError) -> [ObjectiveRecipe] {
        var objectives: [ObjectiveRecipe] = []
        for part in recipe.objective.parts { objectives.append(try ObjectiveRecipe(part, recipe)) }
        return objectives
    }

    private init(_ part: TrainingConfiguration.Objective, _ recipe: DataRecipe) throws(InputError) {
        let size = recipe.model.vocabularySize
        /// An id that a key gives or that is known otherwise.
        func id(_ key: String, _ given: Int?, _ known: Int?, _ source: String) throws(InputError) -> Int32 {
            guard let value = given ?? known else {
                throw InputError("objective.\(key)", "\(part.kind.rawValue) needs it, and \(source) has none", remedy: "give the id")
            }
            guard value < size else { throw InputError("objective.\(key)", "the id \(value) is not one of a vocabulary of \(size)") }
            return Int32(value)
        }
        let tokenizer = recipe.tokenizer, eos = tokenizer?.eos.map(Int.init), infilling = recipe.model.infilling
        func named(_ text: String) -> Int? { tokenizer?.id(ofToken: text).map(Int.init) }
        if let rule = Self.contradiction(part.kind, recipe) { throw InputError("objective.kind", rule) }
        mode = try part.modeToken.map { (mode) throws(InputError) in try id("mode_token", mode, nil, "") }
        switch part.kind {
        case .causal, .instruction: kind = .causal(CausalObjective())
        case .prefix: kind = .prefix(PrefixObjective())
        case .masked:
            let mask = try id("mask_token", part.maskToken, named("[MASK]") ?? named("<mask>"), "the tokenizer")
            let special = tokenizer.map { tokenizer in Set((0..<Int32(size)).filter(tokenizer.isSpecial)) } ?? []
            kind = .masked(MaskedObjective(rate: part.maskRate, mask: mask, vocabularySize: size, special: special))
        case .blank_infilling:
            let isRest = part.blanks == .rest, known = isRest ? infilling?.masks.first : infilling?.masks.last
            kind = .blankInfilling(
                BlankInfillingObjective(
                    blanks: isRest ? .rest : .spans(rate: part.maskRate, meanLength: part.meanSpanLength),
                    mask: try id("mask_token", part.maskToken, known, "the model"),
                    start: try id("start_token", part.startToken, infilling?.start, "the model"),
                    end: try id("end_token", part.endToken, eos, "the tokenizer")))
        case .span_corruption:
            kind = .spanCorruption(
                SpanCorruptionObjective(
                    rate: part.maskRate, meanSpanLength: part.meanSpanLength,
                    firstSentinel: try id("first_sentinel", part.firstSentinel, named("<extra_id_0>"), "the tokenizer"),
                    end: try id("end_token", part.endToken, eos, "the tokenizer"), decoderStart: recipe.model.encoder.map { Int32($0.startToken) }))
        }
        let window = recipe.settings.sequenceLength
        guard let stride = stride(window: window) else {
            throw InputError("data.sequence_length", "\(window) tokens are too few for \(part.kind.rawValue)", remedy: "raise it")
        }
        if case .spanCorruption(let objective) = kind {
            try Self.checkSentinels(objective, stride, isNamed: part.firstSentinel == nil) { named("<extra_id_\($0)>") }
        }
    }

    /// Why a model cannot have an objective.
    private static func contradiction(_ kind: TrainingConfiguration.Objective.Kind, _ recipe: DataRecipe) -> String? {
        if recipe.model.encoder != nil, kind != .span_corruption { return "a model with an encoder is trained by span_corruption, not \(kind.rawValue)" }
        let seesAll = recipe.model.layers.allSatisfy { $0.attention.mask == .full }
        if kind == .masked, !seesAll { return "masked needs a model whose tokens see all others, and this one's mask is another" }
        if kind != .masked, seesAll { return "the model's tokens see all others, so that \(kind.rawValue) has nothing to predict; use masked" }
        return nil
    }

    private static func checkSentinels(
        _ objective: SpanCorruptionObjective, _ stride: Int, isNamed: Bool, _ id: (Int) -> Int?
    ) throws(InputError) {
        let needed = objective.noise(of: max(stride, 2)).spans, first = Int(objective.firstSentinel)
        let there = isNamed ? (0..<needed).prefix { id($0) == first - $0 }.count : first + 1
        guard there >= needed else {
            throw InputError(
                "data.sequence_length", "a window has up to \(needed) spans, but there are \(there) sentinels",
                remedy: "lower it, or raise objective.mean_span_length")
        }
    }
}
