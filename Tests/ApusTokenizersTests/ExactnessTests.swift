import ApusBase
import Testing

@testable import ApusTokenizers

/// What other libraries give, beyond their small cases: a long mixed text, tiktoken's files, and texts and files that could take too long.
@Suite("Exactness") struct ExactnessTests {
    private static let files = try! JSON(parsing: Goldens.bytes("exactness.json"), subject: "exactness.json").object!

    /// FNV-1a over 32-bit words.
    private func hash(_ ids: [Int32]) -> String {
        let value = ids.reduce(UInt64(0xCBF2_9CE4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    @Test("gives the ids of Hugging Face tokenizers and SentencePiece on a mixed text", arguments: files.keys)
    func mixedText(file: String) throws {
        let text = try Goldens.bytes("exactness.txt")
        let ids = text.withUnsafeBufferPointer { [tokenizer = try Goldens.tokenizer(file: file)] in tokenizer.encode($0, addSpecial: false) }
        #expect(hash(ids) == Self.files[file]?.string)
    }

    @Test("puts many marks in order in linear time", arguments: ["qwen2.json", "hf-bert.json"])
    func manyMarks(file: String) throws {
        let tokenizer = try Goldens.tokenizer(file: file)
        // What is canonically equal has the same ids. With time that grows with the square this takes 20 s instead of 0.2.
        let count = 100_000
        let mixed = "e" + String(repeating: "\u{301}\u{323}\u{F73}", count: count)
        let ordered = "e" + ["\u{F71}", "\u{F72}", "\u{323}", "\u{301}"].map { String(repeating: $0, count: count) }.joined()
        let start = ContinuousClock.now
        #expect(tokenizer.encode(mixed) == tokenizer.encode(ordered))
        #expect(start.duration(to: .now) < .seconds(10))
    }

    @Test("loads a piece of many kilobytes in no time")
    func longPiece() throws {
        func varint(_ value: Int) -> [UInt8] { value < 128 ? [UInt8(value)] : [UInt8(value & 127) | 128] + varint(value >> 7) }
        func field(_ number: Int, _ bytes: [UInt8]) -> [UInt8] { varint(number << 3 | 2) + varint(bytes.count) + bytes }
        func piece(_ text: [UInt8], _ type: Int) -> [UInt8] { field(1, field(1, text) + [0x15, 0, 0, 0, 0] + [0x18, UInt8(type)]) }
        let long = Array(repeating: UInt8(ascii: "a"), count: 1 << 20)
        let model = piece(Array("<unk>".utf8), 2) + piece([UInt8(ascii: "a")], 1) + piece(long, 1) + field(2, [0x18, 2])
        let start = ContinuousClock.now
        let tokenizer = try Tokenizer(sentencePieceModel: model)
        #expect(start.duration(to: .now) < .seconds(2))
        #expect(tokenizer.vocabularySize == 3)
    }

    // MARK: tiktoken

    private static let cl100k =
        #"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s"#

    @Test("gives tiktoken's ids")
    func tiktoken() throws {
        let bytes = try Goldens.bytes("small.tiktoken")
        let ranks = bytes.count(where: { $0 == 0x0A })
        let tokenizer = try Tokenizer(tiktoken: bytes, pattern: Self.cl100k, specialTokens: ["<|endoftext|>": ranks + 2], eos: "<|endoftext|>")
        let rows = try JSON(parsing: Goldens.bytes("small.tiktoken.ids.json"), subject: "ids").array!.map { $0.array! }
        #expect(rows.count > 100)
        for row in rows {
            let text = row[0].string!, comment = Comment(rawValue: text.debugDescription)
            func ids(_ value: JSON) -> [Int32] { value.array!.map { Int32($0.int!) } }
            #expect(tokenizer.encode(text, parseSpecial: true) == ids(row[1]), comment)
            #expect(tokenizer.encode(text) == ids(row[2]), comment)
            #expect(try tokenizer.decode(ids(row[1]), skipSpecial: false) == text, comment)
        }
        #expect(tokenizer.vocabularySize == ranks + 3 && tokenizer.eos == Int32(ranks + 2))
        let other = try Goldens.bytes("sp-llama.model")
        #expect(Tokenizer.isTiktoken(bytes) && !Tokenizer.isTiktoken(other) && !Tokenizer.isTiktoken([]))
    }

    @Test("refuses files of tiktoken's that are wrong")
    func wrongTiktoken() throws {
        let bytes = try Goldens.bytes("small.tiktoken"), lines = bytes.split(separator: 0x0A)
        func error(_ text: String, special: [String: Int] = [:]) -> String {
            do { _ = try Tokenizer(tiktoken: Array(text.utf8), pattern: Self.cl100k, specialTokens: special, subject: "f") } catch { return "\(error)" }
            return ""
        }
        let whole = String(decoding: bytes, as: UTF8.self)
        #expect(error(whole) == "")
        #expect(error(whole + "IQ\n").contains("f, at line \(lines.count + 1): must be a token in base64"))
        #expect(error(whole + "I! 9000\n").contains("must be a token in base64"))
        #expect(error(whole + "IQ== -1\n").contains("must be a token in base64"))
        #expect(error(whole + "YWFhYWE= 0\n").contains("rank 0: is that of two tokens"))
        #expect(error(whole + "IQ== 900\n").contains("that of token"))
        #expect(error(whole + "YWFhYWE= 2000000\n").contains("nearly without gaps"))
        #expect(error(whole, special: ["x": 3]).contains("special token \"x\""))
        #expect(error("IQ== 0\n").contains("each byte must be a token"))
        #expect(error("").contains("f: "))
        #expect(throws: InputError.self) { try Tokenizer(publishedTiktoken: bytes) }
    }

    // MARK: tokenizer.json

    @Test("tells tokens apart that Unicode takes for equal")
    func equivalentTokens() throws {
        let tokens = ["<unk>", "K", "\u{212A}", "\u{E9}", "e\u{301}"]
        let vocabulary = tokens.enumerated().map { "\"\($1)\":\($0)" }.joined(separator: ",")
        let file = #"{"model":{"type":"WordPiece","unk_token":"<unk>","vocab":{"# + vocabulary + "}}}"
        let tokenizer = try Tokenizer(tokenizerJSON: Array(file.utf8))
        for (id, token) in tokens.enumerated().dropFirst() { #expect(tokenizer.encode(token, addSpecial: false) == [Int32(id)]) }
        // The same in a value that is kept and written.
        let object = try JSON(parsing: Array(file.utf8), subject: "file")
        #expect(object["model"]?["vocab"]?.object?.count == 5 && object.serialized() == file)
    }

    @Test(
        "refuses options that it does not know",
        arguments: [
            (#""normalizer":{"type":"Lowercase","locale":"tr"}"#, "normalizer.locale: the option is not known of \"Lowercase\""),
            (#""normalizer":{"type":"Strip","strip_left":1}"#, "normalizer.strip_left: must be true or false, not a number"),
            (#""normalizer":{"type":"Sequence"}"#, "normalizer: must have an array \"normalizers\""),
            (#""pre_tokenizer":{"type":"ByteLevel","use_regex":"yes"}"#, "pre_tokenizer.use_regex: must be true or false, not a string"),
            (#""pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Digits","group":3}]}"#, "pre_tokenizer.pretokenizers[0].group: the option"),
            (#""pre_tokenizer":{"type":"Metaspace","prepend_scheme":"last"}"#, "prepend_scheme"),
            (#""decoder":{"type":"WordPiece","prefix":3}"#, "decoder.prefix: must be text, not a number"),
            (#""decoder":{"type":"Fuse","by":" "}"#, "decoder.by: the option"),
            (#""post_processor":{"type":"TemplateProcessing","single":[],"triple":[]}"#, "post_processor.triple: the option"),
            (#""added_tokens":[{"id":0,"content":"a","sticky":true}]"#, "added_tokens[0].sticky: the option"),
            (#""added_tokens":[{"id":0,"content":"a","special":"no"}]"#, "added_tokens[0].special: must be true or false"),
            (#""model":{"type":"BPE","fuse_unk":0}"#, "model.fuse_unk: must be true or false"),
            (#""model":{"type":"BPE","merge_limit":5}"#, "model.merge_limit: the option is not known of \"BPE\""),
            (#""model":{"type":"WordPiece","unk_token":"a","max_input_chars_per_word":"many"}"#, "model.max_input_chars_per_word: must be a whole"),
            (#""model":{"type":"Unigram","unk_id":true}"#, "model.unk_id: must be an id"), (#""padder":null"#, "padder: is not known of a tokenizer.json"),
        ])
    func unknownOptions(part: String, message: String) throws {
        let model = part.contains("Unigram") ? #","vocab":[["a",0]]}"# : #","vocab":{"a":0},"merges":[]}"#
        let file =
            part.hasPrefix(#""model""#)
            ? "{" + part.dropLast() + model + "}" : "{" + part + #","model":{"type":"BPE","dropout":null,"vocab":{"a":0},"merges":[]}}"#
        let error = #expect(throws: InputError.self) { try Tokenizer(tokenizerJSON: Array(file.utf8)) }
        #expect("\(error!)".contains(message), "\(error!)")
    }
}
