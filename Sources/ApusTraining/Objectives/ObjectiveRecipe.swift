import ApusBase

/// An objective with all that it needs to know of the model.
enum ObjectiveRecipe: Sendable {
    case causal(CausalObjective)

    /// The sequence of a stretch.
    /// - Parameters:
    ///   - window: tokens that the sequence may have.
    ///   - random: numbers of this sequence alone.
    func sequence(_ stretch: TokenStretch, window: Int, random: inout RandomStream) -> TrainingSequence {
        switch self {
        case .causal(let objective): objective.sequence(stretch)
        }
    }

    /// Tokens of a stretch, without the one behind it, that make a sequence of a window.
    func stride(window: Int) -> Int {
        switch self {
        case .causal: window
        }
    }
}

extension ObjectiveRecipe {
    /// The objectives of a recipe, in the order of its mixture.
    /// - Throws: an `InputError` for what the model or its tokenizer lacks.
    static func all(of recipe: DataRecipe) throws(InputError) -> [ObjectiveRecipe] {
        var objectives: [ObjectiveRecipe] = []
        for part in recipe.objective.parts {
            switch part.kind {
            case .causal, .instruction: objectives.append(.causal(CausalObjective()))
            case .prefix, .blank_infilling, .span_corruption, .masked:
                throw InputError("objective.kind", "\(part.kind.rawValue) is not built yet", remedy: "use causal")
            }
        }
        return objectives
    }
}
