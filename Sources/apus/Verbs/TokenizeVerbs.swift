import ApusBase
import ApusModels
import ArgumentParser

struct TokenizeVerb: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "tokenize", abstract: "Turn a text into token ids.")

    @Option(name: .shortAndLong, help: "A .gguf file or a folder with tokenizer.json.") var model: String
    @OptionGroup var output: OutputOptions
    @Option(name: .long, parsing: .unconditional, help: "The text.") var text: String?
    @Option(name: .long, help: "A file with the text, its bytes taken as they are.") var file: String?
    @Flag(name: .long, help: "Add no BOS or EOS.") var noSpecial = false
    @Flag(name: .long, help: "Take the text of special tokens as those tokens.") var parseSpecial = false

    func run() throws {
        let tokenizer = try ModelSource.tokenizer(path: try Environment.modelPath(model))
        let bytes: [UInt8]
        switch (text, file) {
        case (let text?, nil): bytes = Array(text.utf8)
        case (nil, let file?): bytes = try FileReader.contents(of: file)
        default: throw ValidationError("give either --text or --file")
        }
        let ids = bytes.withUnsafeBufferPointer { tokenizer.encode($0, addSpecial: !noSpecial, parseSpecial: parseSpecial) }
        if output.output == .text { output.text(ids.map(String.init).joined(separator: ",")) }
        output.json([
            "ids": .array(ids.map { .integer(Int($0)) }), "tokens": .array(ids.map { .string(tokenizer.tokenText($0) ?? "") }),
        ])
    }
}

struct DetokenizeVerb: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "detokenize", abstract: "Turn token ids into text.")

    @Option(name: .shortAndLong, help: "A .gguf file or a folder with tokenizer.json.") var model: String
    @OptionGroup var output: OutputOptions
    @Option(name: .long, help: "Ids, for example 1,2,3.") var ids: String

    func run() throws {
        let tokenizer = try ModelSource.tokenizer(path: try Environment.modelPath(model))
        let text = try tokenizer.decode(try parseIDs(ids, "--ids"), skipSpecial: false)
        output.text(text)
        output.json(["text": .string(text)])
    }
}

/// Ids from "1,2,3".
func parseIDs(_ text: String, _ subject: String) throws(InputError) -> [Int32] {
    var ids: [Int32] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
        guard let id = Int32(part.filter { $0 != " " }) else { throw InputError(subject, "\"\(part)\" is no token id") }
        ids.append(id)
    }
    return ids
}
