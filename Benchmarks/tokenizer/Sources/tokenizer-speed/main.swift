// usage: tokenizer-speed TOKENIZER TEXT IDS
// Loads the tokenizer (.json, .model or .tiktoken), encodes the text once on one thread, writes the ids to IDS (32-bit, little-endian)
// and prints the seconds that loading and encoding took, and whether decoding gives the text back.
import ApusBase
import ApusTokenizers
import Glibc

func seconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

func complain(_ message: String) {
    var line = message + "\n"
    line.withUTF8 { _ = write(STDERR_FILENO, $0.baseAddress!, $0.count) }
}

let arguments = CommandLine.arguments
guard arguments.count == 4 else {
    complain("usage: tokenizer-speed TOKENIZER TEXT IDS")
    exit(2)
}
do {
    let file = try FileReader.contents(of: arguments[1])
    let text = try FileReader.contents(of: arguments[2])
    let start = seconds()
    let tokenizer =
        if arguments[1].hasSuffix(".model") {
            try Tokenizer(sentencePieceModel: file, subject: arguments[1])
        } else if arguments[1].hasSuffix(".tiktoken") {
            try Tokenizer(publishedTiktoken: file, subject: arguments[1])
        } else {
            try Tokenizer(tokenizerJSON: file, subject: arguments[1])
        }
    let loaded = seconds()
    let ids = text.withUnsafeBufferPointer { tokenizer.encode($0, addSpecial: false) }
    let encoded = seconds()
    let comesBack = try tokenizer.decodeBytes(ids, skipSpecial: false) == text
    print(
        "{\"load_seconds\": \(loaded - start), \"seconds\": \(encoded - loaded), \"tokens\": \(ids.count), \"comes_back\": \(comesBack)}")
    guard let output = fopen(arguments[3], "wb") else { throw InputError(arguments[3], "cannot be written") }
    fwrite(ids, 4, ids.count, output)
    fclose(output)
} catch {
    complain("\(error)")
    exit(1)
}
