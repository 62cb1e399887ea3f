import ApusBase
import ApusTemplates
import ApusTokenizers
import Testing

@testable import ApusTraining

@Suite struct TextDataTests {
    private func encoder(marksAnswers: Bool = false, appendsEOS: Bool = false) throws -> DocumentEncoder {
        let (tokenizer, template) = try Goldens.chat()
        return DocumentEncoder(tokenizer: tokenizer, template: template, appendsEOS: appendsEOS, marksAnswers: marksAnswers)
    }

    @Test func filesOfTextBecomeDocuments() throws {
        let folder = ScratchFolder(), encoder = try encoder(appendsEOS: true), tokenizer = encoder.tokenizer
        var lines = "", texts = ["One file\nis one document.\n"]
        for number in 0..<500 {
            texts.append("Line \(number) says ∀\(number).")
            lines += JSON.object(["id": .integer(number), "text": .string(texts.last!)]).serialized() + (number % 2 == 0 ? "\n" : "\r\n\n")
        }
        let paths = [try folder.write("a.txt", texts[0]), try folder.write("empty.txt", ""), try folder.write("b.jsonl", lines + "  ")]
        let expected = texts.map { text in tokenizer.encode(text) + [tokenizer.eos!] }
        for threads in [1, 3] {
            let prefix = folder.path + "/out\(threads)", written = try CorpusTokenizer(encoder, threads: threads).tokenize(paths, prefix: prefix)
            #expect(!fileExists(prefix + ".bin"))
            try written.finish()
            #expect(written.documents == 501 && written.tokens == expected.reduce(0) { $0 + $1.count })
            let corpus = TokenCorpus([try IndexedDataset(prefix: prefix)], vocabularySize: tokenizer.vocabularySize)
            var read: [[Int32]] = []
            var ranges: [Range<Int>] = []
            try corpus.forEachDocument { ranges.append($0) }
            for range in ranges { read.append(try corpus.read(range).ids) }
            #expect(read == expected)
        }
    }

    @Test func longLinesAreReadOverTheBuffer() throws {
        let folder = ScratchFolder(), lines = [3_000_000, 5, 0, 1 << 20, 1].map { String(repeating: "x", count: $0) }
        for end in ["", "\n"] {
            var reader = try LineReader(path: folder.write("x", lines.joined(separator: "\n") + end)), read: [Int] = []
            while let line = try reader.next() { read.append(line.count) }
            #expect(read == lines.map(\.count) && reader.line == 5)
        }
    }

    @Test func mistakesInLinesAreNamed() throws {
        let folder = ScratchFolder(), encoder = try encoder()
        for (line, message) in [
            ("{\"text\": 3}", ", at line 2: text must be a string"),
            ("{\"txt\": \"a\"}", ", at line 2: neither a text nor messages are there"),
            ("{\"text\": \"a\", \"messages\": []}", ", at line 2: both text and messages stand"),
            ("{\"messages\": []}", ", at line 2: messages holds none"),
            ("{\"messages\": [{\"content\": \"a\"}]}", ", line 2, messages[0], at role: a chat message needs a role"),
            ("{\"text\": \"a\"", ", line 2, at byte"),
            ("[1]", ", at line 2: neither"),
        ] {
            let path = try folder.write("a.jsonl", "{\"text\": \"good\"}\n" + line)
            let error = #expect(throws: InputError.self) { try CorpusTokenizer(encoder, threads: 1).tokenize([path], prefix: folder.path + "/out") }
            #expect(error?.description.hasPrefix(path + message) == true, "\(error?.description ?? "none")")
        }
        let empty = try folder.write("empty.jsonl", "\n\n")
        let error = #expect(throws: InputError.self) { try CorpusTokenizer(encoder, threads: 1).tokenize([empty], prefix: folder.path + "/out") }
        #expect(error?.rule == "no tokens are in the files")
        #expect(fileNames(inFolder: folder.path).sorted() == ["a.jsonl", "empty.jsonl"])
    }

    @Test func onlyAnswersCount() throws {
        let encoder = try encoder(marksAnswers: true), tokenizer = encoder.tokenizer
        let messages = [("system", "Be brief."), ("user", "Hi?"), ("assistant", "Hello there."), ("user", "And?"), ("assistant", "No more.")]
        let document = SourceDocument(
            content: .conversation(messages.map { ChatMessage(role: $0.0, content: .string($0.1)) }), path: "a.jsonl", line: 1)
        let ids = try encoder.ids(document), plain = try self.encoder().ids(document)
        #expect(ids.map { $0 < 0 ? ~$0 : $0 } == plain)
        var answers: [[Int32]] = []
        for (index, id) in ids.enumerated() where id >= 0 {
            if index > 0, ids[index - 1] >= 0 { answers[answers.count - 1].append(id) } else { answers.append([id]) }
        }
        let texts = try answers.map { try tokenizer.decode($0, skipSpecial: true) }
        #expect(texts == ["Hello there.", "No more."])
        for answer in answers { #expect(tokenizer.endOfGenerationIDs.contains(answer.last!)) }
        // Through the objective: what counts is what follows, in its place.
        let sequence = CausalObjective().sequence(TokenStretch(ids: ids, documents: [0..<ids.count]))
        #expect(sequence.targets.filter { $0 >= 0 } == answers.flatMap { $0 } && sequence.inputs == Array(plain.dropLast()))
    }

    @Test func conversationsThatCannotBeMarkedAreErrors() throws {
        let encoder = try encoder(marksAnswers: true), user = ChatMessage(role: "user", content: "Hi"), answer = ChatMessage(role: "assistant", content: "Yes")
        func ids(_ encoder: DocumentEncoder, _ content: SourceDocument.Content) throws(InputError) -> [Int32] {
            try encoder.ids(SourceDocument(content: content, path: "a.jsonl", line: 7))
        }
        let none = #expect(throws: InputError.self) { try ids(encoder, .conversation([user])) }
        #expect(none?.description == "a.jsonl, at line 7: no message is the assistant's")
        #expect(throws: InputError.self) { try ids(encoder, .text([65])) }
        // A template that leaves earlier answers out.
        let template = try ChatTemplate(
            source: "{% for m in messages %}{% if loop.last or m.role == 'user' %}<{{ m.content }}>{% endif %}{% endfor %}", name: "forgetful")
        let forgetful = DocumentEncoder(tokenizer: encoder.tokenizer, template: template, appendsEOS: false, marksAnswers: true)
        let error = #expect(throws: InputError.self) { try ids(forgetful, .conversation([user, answer, user, answer])) }
        #expect(error?.rule.hasPrefix("the chat template writes message 1 in another way") == true)
    }

    @Test func conversationsShareARowAsWholes() throws {
        let folder = ScratchFolder(), (tokenizer, template) = try Goldens.chat()
        func line(_ answer: String) -> String {
            "{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}, {\"role\": \"assistant\", \"content\": \"\(answer)\"}]}\n"
        }
        let path = try folder.write("a.jsonl", line("a") + line("b") + line("c") + line(String(repeating: "long ", count: 300)) + line("d"))
        let encoder = try encoder(marksAnswers: true), one = try SourceDocument(jsonLine: Array(line("a").utf8), path: "", line: 1)
        let length = try encoder.ids(one).count
        let recipe = DataRecipe([DataSource(path: path)], in: folder) {
            $0.settings.sequenceLength = 2 * length + 3
            $0.settings.shuffle = false
            $0.objective.kind = .instruction
            ($0.tokenizer, $0.template) = (tokenizer, template)
            $0.model.vocabularySize = tokenizer.vocabularySize
        }
        let loader = try DataLoader(recipe, micro: 4), rows = try #require(try loader.next()).sequences
        #expect(rows.map(\.documents.count) == [2, 1, 1, 1] && rows[0].inputs.count == 2 * length - 1 && rows[2].inputs.count == 2 * length + 3)
        #expect(rows.allSatisfy { $0.countedTokens > 0 })
        #expect(try loader.summary().notes[0].contains("1 conversations are longer"))
        #expect(fileNames(inFolder: folder.path) == ["a.jsonl"])
    }
}
