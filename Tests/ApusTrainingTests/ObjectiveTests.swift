import ApusBase
import ApusDescription
import Testing

@testable import ApusTraining

/// Lengths and shares against Tests/Goldens/make_objectives.py; what sequences hold against the text that they were made of.
@Suite struct ObjectiveTests {
    private static let goldens = Result { try JSON(contentsOf: Goldens.folder + "objectives.json") }

    private func rows(_ name: String) throws -> [[Double]] {
        try #require(try Self.goldens.get()[name]?.array).map { $0.array!.map { $0.double! } }
    }

    private func stream(_ sequence: Int) -> RandomStream { RandomStream(seed: 5, step: 1, sequence: sequence, site: .corruption) }

    private func spanCorruption(_ rate: Double, _ mean: Double, start: Int32? = 0) -> SpanCorruptionObjective {
        SpanCorruptionObjective(rate: rate, meanSpanLength: mean, firstSentinel: 999, end: 1, decoderStart: start)
    }

    // MARK: Span corruption

    @Test func lengthsAreThoseOfT5() throws {
        for row in try rows("windows") {
            let objective = spanCorruption(row[0], row[1]), text = try #require(objective.longestText(room: Int(row[2])))
            #expect([text, objective.lengths(of: text).encoder, objective.lengths(of: text).decoder] == row[3...].map { Int($0) }, "\(row)")
        }
        for row in try rows("noises") {
            let objective = spanCorruption(row[0], row[1]), length = Int(row[2])
            #expect(objective.noise(of: length) == SpanCorruptionObjective.Noise(tokens: Int(row[3]), spans: Int(row[4])), "\(row)")
            for number in 0..<20 {
                var random = stream(number)
                let mask = objective.noiseMask(length, &random)
                let starts = mask.indices.count { mask[$0] && ($0 == 0 || !mask[$0 - 1]) }
                #expect(mask.count == length && mask.count { $0 } == Int(row[3]) && starts == Int(row[4]) && !mask[0])
            }
        }
    }

    /// Puts spans back where their sentinels stand.
    private func restored(_ kept: [Int32], _ hidden: [Int32]) -> [Int32] {
        var spans: [Int32: [Int32]] = [:], open: Int32 = 0
        for id in hidden { if id > 900 { open = id } else { spans[open, default: []].append(id) } }
        return kept.flatMap { $0 > 900 ? spans[$0] ?? [] : [$0] }
    }

    @Test func spansAndTheRestMakeTheText() throws {
        for count in [2, 3, 7, 40, 300] {
            for number in 0..<30 {
                let text = (0..<count).map { Int32(2 + $0) }
                var random = stream(number)
                let pair = try #require(spanCorruption(0.15, 3).example(text[...], room: 512, random: &random))
                #expect(pair.inputs == [0] + pair.targets.dropLast() && pair.targets.last == 1 && pair.encoder?.last == 1)
                #expect(restored(pair.encoder!.dropLast(), pair.targets.dropLast()) == text)
                let one = try #require(spanCorruption(0.15, 3, start: nil).example(text[...], room: 512, random: &random))
                let hidden = Array(one.targets[(one.prefix - 1)...])
                #expect(one.inputs == one.inputs[..<one.prefix] + hidden.dropLast() && one.targets[..<(one.prefix - 1)].allSatisfy { $0 == -1 })
                #expect(hidden.last == 1 && restored(Array(one.inputs[..<one.prefix]), hidden.dropLast()) == text)
            }
        }
    }

    @Test func everyWayToPartHasTheSameChance() {
        var counts: [[Int]: Int] = [:]
        for number in 0..<6000 {
            var random = stream(number)
            counts[SpanCorruptionObjective.segments(5, 3, &random), default: 0] += 1
        }
        #expect(counts.count == 6 && counts.allSatisfy { $0.key.reduce(0, +) == 5 && abs($0.value - 1000) < 150 })
    }

    // MARK: Blank infilling

    private func infilling(_ blanks: BlankInfillingObjective.Blanks) -> BlankInfillingObjective {
        BlankInfillingObjective(blanks: blanks, mask: 990, start: 991, end: 992)
    }

    @Test func blanksAndWhatFillsThemMakeTheText() throws {
        var hidden = 0, total = 0, orders: Set<Bool> = [], lengths: [Int] = []
        for number in 0..<400 {
            let text = (0..<[2, 5, 40, 200][number % 4]).map { Int32($0) }
            var random = stream(number)
            let example = try #require(infilling(.spans(rate: 0.15, meanLength: 3)).example(text[...], room: 300, random: &random))
            let channels = try #require(example.channels), a = Array(example.inputs[..<example.prefix]), rows = example.prefix..<example.inputs.count
            #expect(channels.text[..<example.prefix].elementsEqual((0..<Int32(example.prefix))) && channels.answer[..<example.prefix].allSatisfy { $0 == 0 })
            #expect(example.targets[..<example.prefix].allSatisfy { $0 == -1 })
            // The spans by the blank that their positions name.
            var spans: [Int32: [Int32]] = [:], blanks: [Int32] = []
            for row in rows {
                let blank = channels.text[row]
                if example.inputs[row] == 991 {
                    #expect(channels.answer[row] == 1 && spans[blank] == nil && a[Int(blank)] == 990)
                    spans[blank] = []
                    blanks.append(blank)
                } else {
                    #expect(channels.answer[row] == channels.answer[row - 1] + 1 && example.targets[row - 1] == example.inputs[row])
                    spans[blank]!.append(example.inputs[row])
                }
                if row + 1 == rows.upperBound || example.inputs[row + 1] == 991 { #expect(example.targets[row] == 992) }
            }
            let filled = a.enumerated().flatMap { $1 == 990 ? spans[Int32($0)]! : [$1] }
            #expect(filled == text && a.count { $0 == 990 } == spans.count && example.inputs.count == text.count + 2 * spans.count)
            if blanks.count > 1 { orders.insert(blanks == blanks.sorted()) }
            if text.count == 200 {
                hidden += spans.values.reduce(0) { $0 + $1.count }
                total += text.count
                lengths += spans.values.map(\.count)
            }
        }
        #expect(Double(hidden) / Double(total) == 0.15 && orders == [true, false])
        // Poisson's law with a mean of 3, at least 1; the last span of a text is cut.
        let mean = Double(lengths.reduce(0, +)) / Double(lengths.count)
        #expect(abs(mean - 2.9) < 0.15 && lengths.max()! > 6)
    }

    @Test func theRestIsWrittenBehindADrawnPlace() throws {
        var places: [Int] = []
        for number in 0..<400 {
            let text = (0..<20).map { Int32($0) }
            var random = stream(number)
            let example = try #require(infilling(.rest).example(text[...], room: 21, random: &random)), first = example.prefix - 1
            #expect(example.inputs == Array(text[..<first]) + [990, 991] + text[first..<19])
            #expect(example.targets == [Int32](repeating: -1, count: first + 1) + text[first...])
            let answer = (1...Int32(20 - first)).map { $0 }
            #expect(example.channels?.text == (0...Int32(first)).map { $0 } + answer.map { _ in Int32(first) })
            #expect(example.channels?.answer == [Int32](repeating: 0, count: first + 1) + answer)
            places.append(first)
        }
        #expect(Set(places) == Set(0...10))
    }

    // MARK: Masked and prefix

    @Test func sharesAreThoseOfTransformers() throws {
        let expected = try #require(try Self.goldens.get()["masked"]?.array).map { $0.double! }
        let objective = MaskedObjective(rate: 0.15, mask: 4, vocabularySize: 30000, special: Set(0..<5))
        var text = 0.0, chosen = 0.0, masked = 0.0, same = 0.0
        for number in 0..<200 {
            var random = stream(number)
            let ids = (0..<1000).map { _ in Int32(random.below(3000)) }
            let example = try #require(objective.example(ids[...], room: 1000, random: &random))
            for row in ids.indices {
                guard ids[row] >= 5 else { #expect(example.targets[row] == -1 && example.inputs[row] == ids[row]); continue }
                text += 1
                guard example.targets[row] >= 0 else { #expect(example.inputs[row] == ids[row]); continue }
                #expect(example.targets[row] == ids[row])
                chosen += 1
                if example.inputs[row] == 4 { masked += 1 }
                if example.inputs[row] == ids[row] { same += 1 }
            }
        }
        for (share, value) in zip([chosen / text, masked / chosen, same / chosen], expected) { #expect(abs(share - value) < 0.01) }
    }

    @Test func whatIsBehindThePrefixIsPredicted() throws {
        var prefixes: Set<Int> = []
        for number in 0..<200 {
            let text = (0..<10).map { Int32($0) }
            var random = stream(number)
            let example = try #require(PrefixObjective().example(text[...], room: 20, random: &random))
            #expect(example.inputs == Array(text.dropLast()))
            #expect(example.targets == text.indices.dropFirst().map { $0 >= example.prefix ? text[$0] : -1 })
            prefixes.insert(example.prefix)
        }
        #expect(prefixes == Set(1...9))
    }

    // MARK: Sequences

    /// Objectives with what their model must be.
    private static let kinds: [(TrainingConfiguration.Objective.Kind, TrainingConfiguration.Objective.Blanks)] = [
        (.causal, .spans), (.prefix, .spans), (.blank_infilling, .spans), (.blank_infilling, .rest), (.span_corruption, .spans), (.masked, .spans),
    ]

    private func recipe(_ folder: ScratchFolder, _ parts: [Int], mode: Int? = nil) throws -> DataRecipe {
        let documents = (0..<40).map { i in (0..<(i * i * 13) % 90).map { Int32(($0 * 7 + i) % 800) } }
        return DataRecipe([DataSource(path: try folder.write("a", documents: documents))], in: folder) { recipe in
            recipe.settings.sequenceLength = 64
            recipe.objective.mixture = parts.map { number in
                var part = TrainingConfiguration.Objective()
                (part.kind, part.blanks) = Self.kinds[number]
                (part.maskToken, part.startToken, part.endToken, part.firstSentinel, part.modeToken) = (990, 991, 992, 980, mode)
                part.weight = Double(number + 1)
                return part
            }
            if parts == [5] { for layer in recipe.model.layers.indices { recipe.model.layers[layer].attention.mask = .full } }
        }
    }

    @Test(arguments: [[0], [1], [2], [3], [4], [5], [0, 1, 2, 3, 4]], [nil, 985])
    func sequencesFitTheWindow(parts: [Int], mode: Int?) throws {
        guard parts != [5] || mode == nil else { return }
        let folder = ScratchFolder(), recipe = try recipe(folder, parts, mode: mode)
        let loader = try DataLoader(recipe, micro: 4), again = try DataLoader(recipe, micro: 3)
        var read: [TrainingSequence] = [], reread: [TrainingSequence] = [], tokens = 0
        for _ in 0..<60 { read += try #require(try loader.next()).sequences }
        for _ in 0..<80 { reread += try #require(try again.next()).sequences }
        #expect(read == reread && Set(read.map(\.inputs)).count > 20)
        for sequence in read {
            #expect(sequence.inputs.count <= 64 && sequence.targets.count == sequence.inputs.count && sequence.countedTokens > 0)
            #expect(sequence.documents.flatMap { Array($0.rows) } == Array(sequence.inputs.indices))
            #expect(sequence.documents.allSatisfy { $0.prefix <= $0.rows.count })
            if let channels = sequence.channels { #expect(channels.text.count == sequence.inputs.count && channels.answer.count == channels.text.count) }
            if let mode { #expect(sequence.documents.allSatisfy { sequence.inputs[$0.rows.lowerBound] == Int32(mode) }) }
            tokens += sequence.inputs.count
        }
        #expect(Double(tokens) / Double(read.count) > (parts.count > 1 ? 44 : 54), "windows are filled")
    }

    @Test func mixturesHitTheirWeights() throws {
        let folder = ScratchFolder(), loader = try DataLoader(try recipe(folder, [0, 4]), micro: 10)
        var corrupted = 0.0
        for _ in 0..<200 { corrupted += Double(try #require(try loader.next()).sequences.count { $0.inputs.contains(980) }) }
        #expect(abs(corrupted / 2000 - 5.0 / 6) < 0.03)
    }

    @Test func anEncoderReadsTheTextAndItsDecoderTheSpans() throws {
        let folder = ScratchFolder()
        var recipe = try recipe(folder, [4], mode: 985)
        recipe.model.encoder = EncoderDescription(layers: recipe.model.layers, position: .none, startToken: 3)
        let loader = try DataLoader(recipe, micro: 8)
        for sequence in try #require(try loader.next()).sequences {
            let encoder = try #require(sequence.encoder)
            #expect(encoder.documents.count == sequence.documents.count && encoder.inputs.count <= 64)
            #expect(encoder.documents.flatMap { Array($0) } == Array(encoder.inputs.indices))
            for (text, spans) in zip(encoder.documents, sequence.documents) {
                #expect(encoder.inputs[text.lowerBound] == 985 && sequence.inputs[spans.rows.lowerBound] == 3)
            }
        }
    }

    @Test func whatTheModelLacksIsNamed() throws {
        let folder = ScratchFolder()
        func message(_ parts: [Int], _ change: (inout DataRecipe) -> Void) throws -> String {
            var recipe = try recipe(folder, parts)
            change(&recipe)
            let error = #expect(throws: InputError.self) { try DataLoader(recipe, micro: 1) }
            return error?.description ?? "none"
        }
        #expect(
            try message([2]) { $0.objective.mixture[0].maskToken = nil }.hasPrefix("objective.mask_token: blank_infilling needs it, and the model has none"))
        #expect(try message([4]) { $0.objective.mixture[0].endToken = nil }.hasPrefix("objective.end_token: span_corruption needs it, and the tokenizer"))
        #expect(try message([4]) { $0.objective.mixture[0].firstSentinel = 1000 }.hasPrefix("objective.first_sentinel: the id 1000 is not one of"))
        #expect(try message([4]) { $0.objective.mixture[0].firstSentinel = 1 }.contains("a window has up to 3 spans, but there are 2 sentinels"))
        #expect(try message([4]) { $0.settings.sequenceLength = 2 }.hasPrefix("data.sequence_length: 2 tokens are too few for span_corruption"))
        #expect(try message([5]) { $0.model = TrainingConfiguration().model.description.description }.contains("masked needs a model whose tokens see all"))
        #expect(
            try message([0]) {
                $0.model.layers[0].attention.mask = .full; $0.model.layers = [$0.model.layers[0]]
            }.contains("use masked"))
        #expect(
            try message([0]) { $0.model.encoder = EncoderDescription(layers: [], position: .none, startToken: 0) }
                .contains("a model with an encoder is trained by span_corruption, not causal"))
    }

    @Test func documentsTooShortForAnythingAreAnError() throws {
        let folder = ScratchFolder(), prefix = try folder.write("a", documents: (0..<40).map { [Int32($0)] })
        let recipe = DataRecipe([DataSource(path: prefix)], in: folder) { $0.settings.validation = $0.sources }
        for recipe in [recipe, recipe.validation] {
            let loader = try DataLoader(recipe, micro: 1), error = #expect(throws: InputError.self) { try loader.next() }
            #expect(error?.subject == prefix && error?.rule == "no sequence of the data has a token to predict")
        }
    }
}
