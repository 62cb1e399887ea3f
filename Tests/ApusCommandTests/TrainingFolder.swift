import ApusBase
import Glibc
import Testing

/// A folder with a text and what `apus train` makes of it; it goes with the object, and all that is in it.
final class TrainingFolder {
    let path: String
    var run: String { path + "/run" }

    init() throws {
        var template = Array("/tmp/apus-train-XXXXXX".utf8CString)
        path = String(cString: mkdtemp(&template))
        try write("text.txt", Self.text(words: 4000))
    }

    deinit { Self.remove(path) }

    private static func remove(_ path: String) {
        for name in fileNames(inFolder: path) where isFolder(path + "/" + name) { remove(path + "/" + name) }
        removeFolder(path)
    }

    /// Words in an order that can be learnt in part.
    static func text(words count: Int) -> String {
        let words = ["the", "river", "runs", "past", "a", "quiet", "house", "where", "two", "old", "friends", "sing", "at", "night"]
        var state = 1
        return (0..<count).map { index in
            state = (state &* 1_103_515_245 &+ 12345) & 0x7fff_ffff
            return words[(index * 5 + (state >> 16) % 3) % words.count]
        }.joined(separator: " ")
    }

    @discardableResult
    func write(_ name: String, _ text: String) throws -> String {
        let file = try AtomicFile(path: path + "/" + name)
        try file.write(Array(text.utf8))
        try file.commit()
        return file.path
    }

    /// Arguments of a run of the tiny model, steps of a few milliseconds each; `settings` are laid over.
    func arguments(_ settings: String..., directory: String? = nil) throws -> [String] {
        let configuration = try write(
            "config.yaml",
            """
            model: {from: \(chatModel)}
            data: {train: [\(path)/text.txt], sequence_length: 64}
            optimizer: {learning_rate: 1e-3}
            schedule: {total_steps: 60, warmup_steps: 5, minimum_learning_rate: 1e-4}
            batch: {micro: 4, accumulate: 2}
            checkpoint: {directory: \(directory ?? run), every: 7}
            log: {every: 1, tensorboard: false}

            """)
        return ["train", configuration, "--threads", "1", "--output", "json"] + settings.flatMap { ["--set", $0] }
    }

    /// Lines of `metrics.jsonl`, without what depends on the machine.
    func metrics(of run: String? = nil) throws -> [String] {
        let text = String(decoding: try FileReader.contents(of: (run ?? self.run) + "/metrics.jsonl"), as: UTF8.self)
        return try text.split(separator: "\n").map { line in
            var object = try #require(try JSON(parsing: Array(line.utf8), subject: "metrics.jsonl").object)
            for key in ["tokens_per_second", "mfu", "peak_rss_bytes"] { object[key] = nil }
            return JSON.object(object).serialized()
        }
    }

    /// Steps of the checkpoints that are there under their names, the oldest first.
    func checkpoints(of run: String? = nil) -> [Int] {
        fileNames(inFolder: run ?? self.run).compactMap { $0.hasPrefix("step-") ? Int($0.dropFirst(5)) : nil }.sorted()
    }

    /// Whether two runs have come to the same weights, bit for bit.
    func haveSameModel(_ a: String, _ b: String) throws -> Bool {
        try FileReader.contents(of: a + "/model/model.safetensors") == FileReader.contents(of: b + "/model/model.safetensors")
    }
}
