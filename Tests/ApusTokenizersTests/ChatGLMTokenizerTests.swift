import ApusBase
import ApusModels
import ApusTemplates
import Glibc
import Testing

@testable import ApusTokenizers

/// The folders of ChatGLM's releases: ids of texts and of conversations (make_chatglm_tokenizers.py).
@Suite("ChatGLM's tokenizers") final class ChatGLMTokenizerTests {
    private let folder: String

    init() {
        var template = Array("/tmp/apus-chatglm-XXXXXX".utf8CString)
        folder = String(cString: mkdtemp(&template))
    }

    deinit {
        for name in fileNames(inFolder: folder) { unlink(folder + "/" + name) }
        rmdir(folder)
    }

    private func write(_ name: String, _ bytes: some Sequence<UInt8>) throws {
        let file = try AtomicFile(path: folder + "/" + name)
        try file.write(Array(bytes))
        try file.commit()
    }

    /// A folder as a release has it, but for its model.
    private func make(_ release: String) throws {
        let kind = release == "fourth" ? "ChatGLM4Tokenizer" : "ChatGLMTokenizer"
        let pictures = release == "whole" ? #", "num_image_tokens": 0"# : ""
        let names = ["second": "THUDM/chatglm2-6b", "third": "THUDM/chatglm3-6b", "fourth": "THUDM/glm-4-9b-chat"]
        let special = ["first", "whole"].contains(release) ? #", "bos_token": "<sop>", "eos_token": "<eop>", "pad_token": "<pad>""# : ""
        try write(
            "tokenizer_config.json",
            #"{"name_or_path": "\#(names[release] ?? "THUDM/chatglm-6b")", "tokenizer_class": "\#(kind)"\#(pictures)\#(special)}"#.utf8)
        let files = [
            "first": ("ice-text.model", "ice_text.model"), "whole": ("ice-text-whole.model", "ice_text.model"),
            "fourth": ("small.tiktoken", "tokenizer.model"),
        ]
        let (from, to) = files[release] ?? ("sp-llama.model", "tokenizer.model")
        try write(to, Goldens.bytes(from))
    }

    private static func ids(_ value: JSON) -> [Int32] { value.array!.map { Int32($0.int!) } }

    @Test("agree with the released rules", arguments: ["first", "whole", "second", "third", "fourth"])
    func release(name: String) throws {
        try make(name)
        let tokenizer = try ModelSource.tokenizer(path: folder)
        let golden = try #require(try JSON(parsing: Goldens.bytes("chatglm.json"), subject: "chatglm.json")[name])
        for row in golden["rows"]!.array!.map({ $0.array! }) {
            let text = row[0].string!, ids = Self.ids(row[1]), comment = Comment(rawValue: text.debugDescription)
            #expect(tokenizer.encode(text, addSpecial: false) == ids, comment)
            #expect(tokenizer.encode(text, addSpecial: false, parseSpecial: true) == ids, comment)
            #expect(tokenizer.encode(text) == Self.ids(row[2]), comment)
            #expect(try tokenizer.decode(ids) == row[3].string!, comment)
        }
        let template = try ChatTemplate(source: #require(try ModelSource.chatTemplate(path: folder)), name: name)
        for chat in golden["chats"]!.array!.map({ $0.array! }) {
            let messages = chat[0].array!.enumerated().map { index, text in
                ChatMessage(role: index % 2 == 0 ? "user" : "assistant", content: .string(text.string!))
            }
            let text = try template.render(messages: messages)
            #expect(tokenizer.encode(text, addSpecial: false, parseSpecial: true) == Self.ids(chat[1]), Comment(rawValue: text))
        }
        #expect(throws: InputError.self) { try template.render(messages: [ChatMessage(role: "tool", content: "x")]) }
    }

    /// The golden of the released ChatGLM3, by texts: its pieces are not at hand.
    @Test func rolesAreTokens() throws {
        try make("third")
        let tokenizer = try ModelSource.tokenizer(path: folder)
        let template = try ChatTemplate(source: #require(try ModelSource.chatTemplate(path: folder)), name: "third")
        let ids = tokenizer.encode(try template.render(messages: [ChatMessage(role: "user", content: "如")]), addSpecial: false, parseSpecial: true)
        let first = Int32(tokenizer.vocabularySize - 9)
        #expect([ids[0], ids[1], ids[2], ids.last!] == [first + 1, first + 3, first + 6, first + 7])
        #expect(tokenizer.tokenText(ids[3]) == "▁" && tokenizer.tokenBytes(ids[4]) == [0x0A])
        #expect(tokenizer.endOfGenerationIDs.isSuperset(of: [first + 6, first + 8]))
        #expect(tokenizer.encode("<|user|>", addSpecial: false).count > 1)
    }

    /// A GGUF file has all but what a text begins with, which is said.
    @Test func tablesHaveTheSameTokens() throws {
        let bytes = try Goldens.bytes("sp-llama.model"), tokenizer = try Tokenizer(chatGLM2: bytes, hasRoles: true)
        let tables = try TokenizerTables(chatGLM2: bytes, hasRoles: true, config: nil, subject: "tokenizer.model", count: 720)
        let other = try Tokenizer(tables: tables), user = try #require(tokenizer.id(ofToken: "<|user|>"))
        #expect(tables.notes.count == 1 && tables.notes[0].contains("[gMASK] and sop"))
        #expect(other.endOfGenerationIDs.contains(user))
        for text in ["[gMASK]sop<|user|>\n philosophy, sops<|assistant|>", "Hello  world\n", "如何", "<|system|>x<|user|>"] {
            let ids = tokenizer.encode(text, addSpecial: false, parseSpecial: true)
            #expect(other.encode(text, parseSpecial: true) == ids, "\(text)")
        }
    }

    @Test func documentsHaveNoAnswer() throws {
        try make("whole")
        let tokenizer = try ModelSource.tokenizer(path: folder), ids = tokenizer.encode("some text")
        #expect(tokenizer.encode(document: Array("some text".utf8)) == ids.dropLast(2))
        #expect(ids.suffix(2).map { tokenizer.tokenText($0) } == ["[gMASK]", "<sop>"])
        #expect(tokenizer.eos == tokenizer.id(ofToken: "<eop>"))
    }

    @Test func conversationsEndWithTheirAnswer() throws {
        try make("whole")
        let template = try ChatTemplate(source: #require(try ModelSource.chatTemplate(path: folder)), name: "first")
        var messages = [ChatMessage(role: "user", content: "q"), ChatMessage(role: "assistant", content: "a")]
        func text(prompt: Bool) throws -> String { try template.render(messages: messages, addGenerationPrompt: prompt, eosToken: "<eop>") }
        #expect(try text(prompt: false) == "q[gMASK]<sop>a<eop>")
        messages += [ChatMessage(role: "user", content: "r")]
        #expect(try text(prompt: true) == "[Round 0]\n问：q\n答：a\n[Round 1]\n问：r\n答：[gMASK]<sop>")
    }

    @Test func otherFilesAreRefused() throws {
        let error = #expect(throws: InputError.self) { try Tokenizer(chatGLM: Goldens.bytes("sp-llama.model")) }
        #expect(error.map { "\($0)" }?.contains("has no piece <n>") == true)
        for config in [#"{"remove_space": true}"#, #"{"num_image_tokens": -1}"#] {
            #expect(throws: InputError.self) { try Tokenizer(chatGLM: Goldens.bytes("ice-text.model"), config: Array(config.utf8)) }
        }
    }

    // MARK: What folders say of answers

    @Test func endsAreThoseOfTheConfiguration() throws {
        try write("tokenizer.model", Goldens.bytes("sp-llama.model"))
        try write("config.json", #"{"eos_token_id": 9}"#.utf8)
        #expect(try ModelSource.tokenizer(path: folder).endOfGenerationIDs.contains(9))
        try write("generation_config.json", #"{"eos_token_id": [7, 8]}"#.utf8)
        let ends = try ModelSource.tokenizer(path: folder).endOfGenerationIDs
        #expect(ends.isSuperset(of: [7, 8]) && !ends.contains(9))
        try write("generation_config.json", #"{"eos_token_id": [-1]}"#.utf8)
        #expect(try !ModelSource.tokenizer(path: folder).endOfGenerationIDs.contains(-1))
        for wrong in [#"{"eos_token_id": "x"}"#, "{"] {
            try write("generation_config.json", wrong.utf8)
            #expect(throws: InputError.self) { try ModelSource.tokenizer(path: self.folder) }
        }
    }

    @Test func templatesMayHaveNames() throws {
        try write("tokenizer_config.json", #"{"chat_template": [{"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}]}"#.utf8)
        #expect(try ModelSource.chatTemplate(path: folder) == "d")
        try write("tokenizer_config.json", #"{"chat_template": [{"name": "tool_use", "template": "t"}]}"#.utf8)
        #expect(try ModelSource.chatTemplate(path: folder) == nil)
        try write("tokenizer_config.json", #"{"chat_template": 3}"#.utf8)
        #expect(throws: InputError.self) { try ModelSource.chatTemplate(path: self.folder) }
    }
}
