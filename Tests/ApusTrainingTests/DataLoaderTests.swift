import ApusBase
import Testing

@testable import ApusTraining

@Suite struct DataLoaderTests {
    private func sequences(_ loader: DataLoader, _ count: Int) throws -> [TrainingSequence] {
        var sequences: [TrainingSequence] = []
        while sequences.count < count { sequences += try #require(try loader.next()).sequences }
        return sequences
    }

    private func whole(_ count: Int) -> [Int32] { (0..<Int32(count)).map { $0 } }

    /// The contract: window w = tokens [w·L, w·L + L], the target shifted by one, the remainder dropped, then the next epoch.
    @Test func windowsOfOneDocumentAreThoseOfTheContract() throws {
        let folder = ScratchFolder()
        for (count, windows) in [(9, 1), (16, 1), (17, 2), (30, 3)] {
            let prefix = try folder.write("a\(count)", documents: [whole(count)])
            let loader = try DataLoader(DataRecipe([DataSource(path: prefix)], in: folder) { $0.settings.shuffle = false }, micro: 2)
            for (place, sequence) in try sequences(loader, 8).enumerated() {
                let first = Int32(place % windows * 8)
                #expect(sequence.inputs == Array(first..<first + 8) && sequence.targets == Array(first + 1..<first + 9))
                #expect(sequence.documents == [TrainingSequence.Document(rows: 0..<8)])
            }
            let summary = try loader.summary()
            let note = "\(prefix): 1 documents are longer than data.sequence_length, 8; no window sees what stands in another"
            #expect(summary == DataLoader.Summary(documents: 1, tokens: count, sequences: windows, notes: count > 9 ? [note] : []))
        }
    }

    @Test func documentsOfAWindowStayApart() throws {
        let folder = ScratchFolder(), a = try folder.write("a", documents: [[1, 2, 3], [4], [5, 6]]), b = try folder.write("b", documents: [[7, 8, 9, 10]])
        let loader = try DataLoader(DataRecipe([DataSource(path: a), DataSource(path: b + ".bin")], in: folder) { $0.settings.shuffle = false }, micro: 1)
        let sequence = try sequences(loader, 1)[0]
        #expect(sequence.inputs == [1, 2, 3, 4, 5, 6, 7, 8] && sequence.targets == [2, 3, -1, -1, 6, -1, 8, 9])
        #expect(sequence.documents.map(\.rows) == [0..<3, 3..<4, 4..<6, 6..<8] && sequence.countedTokens == 5)
    }

    @Test func withoutPackingEachDocumentHasRowsOfItsOwn() throws {
        let folder = ScratchFolder(), documents: [[Int32]] = [[1, 2, 3], [4], whole(9), whole(20), [5, 6]]
        let prefix = try folder.write("a", documents: documents)
        let recipe = DataRecipe([DataSource(path: prefix)], in: folder) {
            $0.settings.pack = false
            $0.settings.shuffle = false
        }
        let loader = try DataLoader(recipe, micro: 3), rows = try sequences(loader, 6)
        #expect(rows.map(\.inputs) == [[1, 2], whole(8), whole(8), Array(8..<16), [16, 17, 18], [5]])
        #expect(rows.map(\.targets) == [[2, 3], Array(1..<9), Array(1..<9), Array(9..<17), [17, 18, 19], [6]])
        #expect(try loader.summary().notes.count == 1 && loader.summary().notes[0].contains("1 documents are longer than data.sequence_length, 8"))
    }

    /// Recipes of all kinds of order.
    private func recipe(_ kind: String, _ folder: ScratchFolder) throws -> DataRecipe {
        let a = try folder.write("a", documents: (0..<30).map { i in (0..<(i * 7) % 23).map { Int32(i * 30 + $0) } })
        let b = try folder.write("b", documents: [whole(100)])
        let weights: [Double?] = kind == "weighted" ? [2.5, 1] : [nil, nil]
        return DataRecipe([DataSource(path: a, weight: weights[0]), DataSource(path: b, weight: weights[1])], in: folder) {
            $0.settings.shuffle = kind != "in order"
            $0.settings.pack = kind != "unpacked"
            $0.sequencesPerStep = 4
        }
    }

    @Test(arguments: ["in order", "shuffled", "unpacked", "weighted"])
    func aRunThatGoesOnHasTheSequencesThatItWouldHaveHad(kind: String) throws {
        let folder = ScratchFolder(), recipe = try recipe(kind, folder)
        let expected = try sequences(DataLoader(recipe, micro: 2), 160)
        #expect(Set(expected.map(\.inputs)).count > 30)
        for stop in [0, 1, 2, 7, 31, 32, 50, 79] {
            let first = try DataLoader(recipe, micro: 2)
            #expect(try sequences(first, 2 * stop) == Array(expected.prefix(2 * stop)))
            let position = try DataPosition(JSON(parsing: Array(first.position().json.serialized().utf8), subject: "position"), subject: "position")
            #expect(position.sequences == 2 * stop)
            let second = try DataLoader(recipe, micro: 2, resuming: position)
            #expect(try sequences(second, 40) == Array(expected[2 * stop..<min(2 * stop + 40, 160)]) || stop > 60)
            #expect(try second.position().sequences == 2 * stop + 40)
        }
        // The batch does not change what is read.
        #expect(try sequences(DataLoader(recipe, micro: 5), 160) == expected)
    }

    @Test func aPositionOfOtherDataIsRefused() throws {
        let folder = ScratchFolder(), position = try DataLoader(recipe("shuffled", folder), micro: 2).position()
        for change in [{ $0.settings.seed = 2 }, { $0.settings.sequenceLength = 9 }, { $0.sources.removeLast() }] as [(inout DataRecipe) -> Void] {
            var changed = try recipe("shuffled", folder)
            change(&changed)
            let loader = try DataLoader(changed, micro: 2, resuming: position)
            let error = #expect(throws: InputError.self) { try loader.next() }
            #expect(error?.description.hasPrefix("the checkpoint: was made with other data: ") == true)
        }
    }

    @Test func anEpochReadsEachWindowOnceInAnOrderOfItsOwn() throws {
        let folder = ScratchFolder(), recipe = try recipe("shuffled", folder), loader = try DataLoader(recipe, micro: 1)
        let count = try loader.summary().sequences
        let epochs = try (0..<3).map { _ in try sequences(loader, count).map(\.inputs) }
        var inOrder = recipe
        inOrder.settings.shuffle = false
        let expected = try sequences(DataLoader(inOrder, micro: 1), count).map(\.inputs)
        for epoch in epochs { #expect(Set(epoch) == Set(expected) && epoch != expected) }
        #expect(epochs[0] != epochs[1] && epochs[1] != epochs[2])
    }

    @Test func ordersArePermutations() {
        for count in [1, 2, 3, 4, 5, 16, 17, 100, 1023, 1024, 1025, 4097] {
            for epoch in 0..<3 {
                let order = WindowOrder(count: count, seed: 3, epoch: epoch, corpus: 0)
                #expect((0..<count).map { order[$0] }.sorted() == Array(0..<count))
            }
        }
        // Places and numbers do not go together.
        let order = WindowOrder(count: 10_000, seed: 1, epoch: 0, corpus: 0), mean = 4999.5
        let products = (0..<10_000).reduce(0.0) { $0 + (Double($1) - mean) * (Double(order[$1]) - mean) }
        #expect(abs(products / 10_000 / (10_000.0 * 10_000 / 12)) < 0.05)
    }

    @Test func weightsAreHitAtEveryLength() throws {
        let folder = ScratchFolder()
        let prefixes = try (0..<3).map { try folder.write("w\($0)", documents: [[Int32](repeating: Int32($0), count: 50 + 300 * $0)]) }
        let weights = [5.0, 1, 0.25]
        let loader = try DataLoader(DataRecipe(zip(prefixes, weights).map { DataSource(path: $0, weight: $1) }, in: folder), micro: 1)
        var counts = [0.0, 0, 0]
        for number in 1...500 {
            counts[Int(try sequences(loader, 1)[0].inputs[0])] += 1
            for (count, weight) in zip(counts, weights) { #expect(abs(count - Double(number) * weight / 6.25) <= 1) }
        }
    }

    @Test func validationIsReadOnceAndInOrder() throws {
        let folder = ScratchFolder()
        var recipe = try recipe("shuffled", folder)
        recipe.settings.validation = recipe.sources
        let loader = try DataLoader(recipe.validation, micro: 4), count = try loader.summary().sequences
        var read: [TrainingSequence] = []
        while let batch = try loader.next() { read += batch.sequences }
        recipe.settings.shuffle = false
        #expect(read.count == count && count % 4 != 0)
        #expect(try loader.next() == nil)
        #expect(try sequences(DataLoader(recipe, micro: 1), count) == read)
    }

    /// What `data.train` names, and what the error says.
    @Test func dataThatCannotBeReadAreNamed() throws {
        let folder = ScratchFolder(), short = try folder.write("short", documents: [whole(8)]), text = try folder.write("a.txt", "text")
        _ = try folder.write("b.md", "text")
        for (path, message) in [
            (short, "\(short): holds 8 tokens, which do not make one sequence of data.sequence_length, 8"),
            (folder.path + "/none", "\(folder.path)/none: is neither a .txt nor a .jsonl file, nor are there"),
            (folder.path + "/none.txt", "\(folder.path)/none.txt: is text, and no tokenizer is given"),
            (folder.path + "/b.md", "\(folder.path)/b.md: is neither a .txt nor a .jsonl file, nor"),
            (text, "\(text): is text, and no tokenizer is given"),
        ] {
            let loader = try DataLoader(DataRecipe([DataSource(path: path)], in: folder), micro: 1)
            for _ in 0..<2 {
                let error = #expect(throws: InputError.self) { try loader.next() }
                #expect(error?.description.hasPrefix(message) == true, "\(error?.description ?? "none")")
            }
        }
        #expect(fileNames(inFolder: folder.path).allSatisfy { !$0.hasPrefix("tokens-") })
    }
}
