import ApusBase
import Testing

@testable import ApusTraining

/// `.bin` and `.idx` files against those that a script of its own wrote (Tests/Goldens/make_indexed.py).
@Suite struct IndexedDatasetTests {
    private static let folder = Goldens.folder + "indexed/"

    private func documents(_ name: String) throws -> [[Int32]] {
        let contents = try JSON(contentsOf: Self.folder + "contents.json")
        return try #require(contents[name]?["documents"]?.array).map { $0.array!.map { Int32($0.int!) } }
    }

    @Test(arguments: ["u8", "i8", "i16", "i32", "i64", "u16", "many", "moved"])
    func filesOfTheScriptAreRead(name: String) throws {
        let expected = try documents(name), dataset = try IndexedDataset(prefix: Self.folder + name)
        let corpus = TokenCorpus([dataset, dataset], vocabularySize: 256), flat = expected.flatMap { $0 }
        #expect(dataset.documents == expected.count && dataset.count == flat.count)
        var ranges: [Range<Int>] = []
        try corpus.forEachDocument { ranges.append($0) }
        let read = try ranges.map { try corpus.read($0).ids }
        #expect(read == (expected + expected).filter { !$0.isEmpty })
        // Any stretch: its ids, and the documents in it.
        for start in stride(from: 0, to: corpus.count, by: 3) {
            let range = start..<min(start + 1 + start % 40, corpus.count), stretch = try corpus.read(range)
            #expect(stretch.ids == Array((flat + flat)[range]))
            let parts = ranges.map { $0.clamped(to: range) }.filter { !$0.isEmpty }
            #expect(stretch.documents == parts.map { $0.lowerBound - start..<$0.upperBound - start })
        }
    }

    @Test(arguments: ["u8", "i8", "i16", "i32", "i64", "u16"])
    func filesAreWrittenAsTheScriptWritesThem(name: String) throws {
        let folder = ScratchFolder(), type = try IndexedDataset(prefix: Self.folder + name).header.type
        let prefix = try folder.write("x", documents: documents(name), type: type)
        for ending in [".bin", ".idx"] {
            let same = try FileReader.contents(of: prefix + ending) == FileReader.contents(of: Self.folder + name + ending)
            #expect(same, "\(ending)")
        }
    }

    @Test func theTypeIsMegatrons() {
        #expect(IndexedType(vocabularySize: 65499) == .u16 && IndexedType(vocabularySize: 65500) == .i32)
    }

    /// Where the index of "i32" is changed to what, and what the error says.
    @Test(arguments: [
        (0, [0x4E], "at byte 0: the file does not begin with MMIDIDX"),
        (9, [2], "at byte 9: the version is 2"),
        (17, [6], "at byte 17: the type code 6"),
        (18, [5], "at byte 18: 5 sequences and 5 boundaries do not make a file of 122 bytes"),
        (18, [255, 255, 255, 255, 255, 255, 255, 255], "at byte 18: 18446744073709551615 sequences"),
        (26, [0], "at byte 26: there are no document boundaries"),
        (37, [128], "at byte 34: sequence 0 has the length -2147483643"),
        (38, [200], "at byte 58: sequence 1 lies at byte 20, 200 tokens long, beyond the 72 bytes"),
        (50, [255, 255, 255, 255, 255, 255, 255, 255], "at byte 50: sequence 0 lies at byte -1"),
        (57, [127], "at byte 50: sequence 0 lies at byte 9151314442816847872"),
        (82, [1], "at byte 82: document 0 begins with sequence 1"),
        (90, [9], "at byte 90: document 1 begins with sequence 9 of 4"),
        (98, [0], "at byte 98: document 2 begins with sequence 0 of 4, after 1"),
        (114, [3], "at byte 114: the last document ends with sequence 3 of 4"),
    ])
    func damageIsNamed(offset: Int, change: [UInt8], message: String) throws {
        let folder = ScratchFolder(), prefix = try folder.write("x", documents: documents("i32"), type: .i32)
        var bytes = try FileReader.contents(of: prefix + ".idx")
        bytes.replaceSubrange(offset..<offset + change.count, with: change)
        let file = try AtomicFile(path: prefix + ".idx")
        try file.write(bytes)
        try file.commit()
        let error = #expect(throws: InputError.self) { try IndexedDataset(prefix: prefix) }
        #expect(error?.description.hasPrefix("\(prefix).idx, \(message)") == true, "\(error?.description ?? "none")")
    }

    @Test func shortFilesAndForeignIDsAreErrors() throws {
        let folder = ScratchFolder(), prefix = try folder.write("x", documents: [[1, 2], [3, 999]])
        let corpus = TokenCorpus([try IndexedDataset(prefix: prefix)], vocabularySize: 999)
        #expect(try corpus.read(0..<3).ids == [1, 2, 3])
        let error = #expect(throws: InputError.self) { try corpus.read(2..<4) }
        #expect(error?.description.hasPrefix("\(prefix).bin, at token 3: the id 999 is not one of a vocabulary of 999") == true)
        for count in [0, 20, 60] {
            let bytes = try FileReader.contents(of: prefix + ".idx")
            let file = try AtomicFile(path: folder.path + "/y.idx")
            try file.write(Array(bytes.prefix(count)))
            try file.commit()
            _ = try folder.write("y.bin", "abcdefgh")
            #expect(throws: InputError.self) { try IndexedDataset(prefix: folder.path + "/y") }
        }
        let negative = try folder.write("z", documents: [[-5]], type: .i64)
        #expect(throws: InputError.self) { try TokenCorpus([IndexedDataset(prefix: negative)], vocabularySize: 999).read(0..<1) }
    }
}
