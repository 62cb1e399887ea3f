import ApusBase
import Glibc
import Testing

/// Whatever goes wrong with `apus train` is a message that says what, where and what to do, and loses nothing.
@Suite struct TrainFailureTests {
    private let folder: TrainingFolder

    init() throws { folder = try TrainingFolder() }

    /// A small file system needs a name space of its own.
    private static let canMount = (try? RunningCommand(["-rm", "mount", "-t", "tmpfs", "none", "/mnt"], binary: "/usr/bin/unshare").wait()) == 0

    /// Runs a script of the shell where the folder `disk` is a file system of its own; its words are $1, $2 …
    private func withDisk(_ options: String, _ script: String, _ words: [String]) throws -> CommandResult {
        let disk = folder.path + "/disk"
        mkdir(disk, 0o755)
        let mount = "disk=$1; shift; mount -t tmpfs -o \(options) none \"$disk\" && "
        let command = try RunningCommand(["-rm", "sh", "-c", mount + script, "sh", disk] + words, binary: "/usr/bin/unshare")
        let code = try command.wait()
        return CommandResult(code: code, output: command.output, errors: command.errors)
    }

    @Test(.enabled(if: canMount, "a small disk cannot be mounted here")) func aFullDiskKeepsTheCheckpointsThatAreThere() throws {
        let disk = folder.path + "/disk", whole = folder.path + "/whole"
        _ = try apus(try folder.arguments("checkpoint.every=1", "checkpoint.keep=2", "schedule.total_steps=12", directory: whole)).json()
        let words = [RunningCommand.path] + (try folder.arguments("checkpoint.every=1", "checkpoint.keep=2", "schedule.total_steps=12", directory: disk))
        // A checkpoint of three times the weights' 200 kB: the disk is full at the start, at the second, at the third, or for the finished model.
        var messages: Set<String> = []
        for kilobytes in [4, 400, 800, 1400, 2000, 2040] {
            let script = #""$@"; echo "code $?"; ls "$disk"; mount -o remount,size=64m "$disk" && "$@" --resume && cp -r "$disk/." "$disk.\#(kilobytes)""#
            let result = try withDisk("size=\(kilobytes)k", script, words)
            let lines = result.output.split(separator: "\n").map(String.init), kept = lines.filter { $0.hasPrefix("step-") && !$0.contains(".") }
            #expect(result.code == 0, "\(kilobytes) kB: \(result.errors)")
            #expect(!lines.contains { $0.contains("partial") }, "\(lines)")
            if lines.contains("code 0") { continue }
            #expect(lines.contains("code 1"), "\(kilobytes) kB: \(lines)")
            let message = try #require(result.errors.split(separator: "\n").first { $0.hasPrefix("apus: ") }, "\(result.errors)")
            #expect(message.contains("No space left on device; free some space on the disk"), "\(message)")
            if message.contains("the checkpoint was not written"), let last = kept.last {
                #expect(message.contains("of step") && message.contains("\(Int(last.dropFirst(5))!)") && message.hasSuffix("kept"), "\(message)")
            }
            messages.insert(message.contains("the checkpoint was not written") ? kept.isEmpty ? "first" : "later" : "other")
            #expect(try folder.metrics(of: "\(disk).\(kilobytes)") == folder.metrics(of: whole))
            #expect(try folder.haveSameModel("\(disk).\(kilobytes)", whole))
        }
        #expect(messages == ["first", "later", "other"], "\(messages)")
    }

    @Test(.enabled(if: canMount, "a small disk cannot be mounted here")) func aFolderThatCannotBeWritten() throws {
        let disk = folder.path + "/disk", result = try withDisk("ro", #"exec "$@""#, [RunningCommand.path] + (try folder.arguments(directory: disk)))
        #expect(result.code == 1 && result.output.isEmpty)
        #expect(result.errors.contains("apus: \(disk): cannot be written: Read-only file system; check the folder and its permissions, or give another"))
        let deeper = try withDisk("ro", #"exec "$@""#, [RunningCommand.path] + (try folder.arguments(directory: disk + "/a/b")))
        #expect(deeper.code == 1 && deeper.errors.contains("apus: \(disk)/a"), "\(deeper.errors)")
    }

    @Test func aFolderThatCannotBeMade() throws {
        let nowhere = try apus(try folder.arguments(directory: "/proc/apus/run"))
        #expect(nowhere.code == 1 && nowhere.errors.contains("apus: /proc/apus"), "\(nowhere.errors)")
        let file = try apus(try folder.arguments(directory: folder.path + "/text.txt"))
        #expect(file.code == 1 && file.errors.contains("apus: \(folder.path)/text.txt: "), "\(file.errors)")
    }

    @Test func aSecondRunInOneFolderIsRefused() throws {
        let arguments = try folder.arguments("schedule.total_steps=100000"), first = try RunningCommand(arguments)
        try first.readErrors { $0.contains("step 3/") }
        for more in [[], ["--resume"]] {
            let second = try apus(arguments + more)
            #expect(second.code == 1 && second.output.isEmpty)
            #expect(second.errors.contains("apus: \(folder.run): another run writes there: process "), "\(second.errors)")
            #expect(second.errors.contains("; wait for it to end or stop it, or give another folder\n"))
        }
        first.signal(SIGTERM)
        #expect(try first.wait() == 143)
        #expect(try folder.metrics().count == folder.checkpoints().last)
    }

    // MARK: Configuration

    @Test(arguments: [
        ("model: {from: x}\ndata:\n  train: [a.txt]\n  sequence_lenght: 5\n", [], "config.yaml, at line 4: ", "sequence_length"),
        ("model: {from: x}\ndata: {train: [a.txt]}\noptimizer:\n  learning_rate: fast\n", [], "config.yaml, at line 4: ", "number"),
        ("model: {from: x}\ndata: {train: [a.txt]}\nbach: {micro: 4}\n", [], "config.yaml, at line 3: ", "batch"),
        ("model: {from: x\n", [], "config.yaml, at line ", ""), ("[1, 2]\n", [], "config.yaml, at line 1: ", ""), ("", [], "config.yaml", "model"),
        ("model: {preset: llama-15n}\ndata: {train: [a.txt]}\n", [], "config.yaml, at line 1: model.preset", "llama-15m"),
        ("model: {width: 8, heads: 2, architecture: lama}\ndata: {train: [a.txt]}\n", [], "config.yaml, at line 1: model.architecture", "llama"),
        ("model: {from: x}\ndata: {train: [a.txt]}\n", ["--set", "schedule.warmup_step=3"], "--set schedule.warmup_step=3: ", "warmup_steps"),
        ("model: {from: x}\ndata: {train: [a.txt]}\n", ["--set", "nothing"], "--set nothing: ", "equals"),
        ("model: {from: x}\ndata: {train: [a.txt]}\n", ["--set", "parallel.tensor=2"], "--set parallel.tensor=2: ", "parallel.tensor"),
    ])
    func aConfigurationThatIsWrong(yaml: String, more: [String], place: String, word: String) throws {
        let result = try apus(["train", folder.write("config.yaml", yaml)] + more)
        #expect(result.code == 1 && result.output.isEmpty && result.errors.hasPrefix("apus: "))
        #expect(result.errors.contains(place) && result.errors.contains(word), "\(result.errors)")
        #expect(!fileExists(folder.run))
    }

    @Test func wrongUsage() throws {
        for arguments in [["train"], ["train", "a", "b"], ["train", "a", "--threads", "0"], ["train", "a", "--frobnicate"]] {
            let result = try apus(arguments)
            #expect(result.code == 2 && result.output.isEmpty)
        }
        #expect(try apus("train", "/nowhere.yaml").errors.hasPrefix("apus: /nowhere.yaml: "))
    }

    // MARK: Data

    @Test(arguments: [
        ("empty.txt", "", "no tokens are in the files; give files with text"), ("empty.jsonl", "\n  \n", "no tokens are in the files; give files with text"),
        ("short.txt", "a", "do not make one sequence of data.sequence_length, 64"), ("a.jsonl", "{\"text\": 1}\n", "a.jsonl, at line 1: text must be a string"),
        ("b.jsonl", "{\"text\": \"x\"}\n{\"txt\": \"x\"}\n", "b.jsonl, at line 2: neither a text nor messages are there"),
        ("c.jsonl", "{\"text\": \"x\"}\n{\"text\"\n", "c.jsonl, line 2"), ("d.csv", "a", "d.csv: is neither a .txt nor a .jsonl file"),
    ])
    func dataThatCannotBeTrainedOn(name: String, text: String, message: String) throws {
        let path = try folder.write(name, text), result = try apus(try folder.arguments("data.train=[\(path)]"))
        #expect(result.code == 1 && result.output.isEmpty)
        #expect(result.errors.contains("apus: \(folder.path)/") && result.errors.contains(message), "\(result.errors)")
        // Nothing is said of files that the user does not know.
        #expect(!result.errors.contains("run/tokens-") && folder.checkpoints().isEmpty)
        let validation = try apus(try folder.arguments("data.validation=[\(path)]", "log.validate_every=2"))
        #expect(validation.code == 1 && validation.errors.contains(message), "\(validation.errors)")
    }

    @Test func dataThatAreNotThere() throws {
        let result = try apus(try folder.arguments("data.train=[\(folder.path)/none]"))
        #expect(result.code == 1 && result.errors.contains("apus: \(folder.path)/none: is neither a .txt nor a .jsonl file, nor are there"), "\(result.errors)")
    }

    /// It is read whole, in windows, and the run says so.
    @Test func aDocumentLongerThanTheWindow() throws {
        let result = try apus(try folder.arguments("schedule.total_steps=6"))
        #expect(result.code == 0)
        let note = "\(folder.path)/text.txt: 1 documents are longer than data.sequence_length, 64; no window sees what stands in another\n"
        #expect(result.errors.contains(note), "\(result.errors)")
        let apart = try apus(try folder.arguments("schedule.total_steps=6", "data.pack=false", directory: folder.path + "/apart"))
        #expect(apart.errors.contains("text.txt: 1 documents are longer than data.sequence_length, 64, and become several rows\n"), "\(apart.errors)")
    }

    /// A conversation whose answer lies behind the cut teaches nothing: the run says how many there are.
    @Test func conversationsWithoutAnAnswerInTheWindow() throws {
        func line(_ question: String, _ answer: String) -> String {
            #"{"messages": [{"role": "user", "content": "\#(question)"}, {"role": "assistant", "content": "\#(answer)"}]}"# + "\n"
        }
        let long = TrainingFolder.text(words: 60)
        let path = try folder.write("talk.jsonl", line("q", "a") + line(long, "never seen") + line("q", long) + line(long + "?", "nor this"))
        let settings = ["data.train=[\(path)]", "objective.kind=instruction", "schedule.total_steps=6", "batch.micro=1"]
        let result = try apus(try folder.arguments(settings[0], settings[1], settings[2], settings[3]))
        #expect(result.code == 0, "\(result.errors)")
        let note = "\(path): 3 conversations are longer than data.sequence_length, 64, and are cut off there; 2 of them have no answer before the cut"
        #expect(result.errors.components(of: note) == 1, "\(result.errors)")
        try folder.write("talk.jsonl", line(long, "never seen"))
        let none = try apus(try folder.arguments(settings[0], settings[1], settings[2], directory: folder.path + "/none"))
        #expect(none.code == 1 && none.errors.contains("apus: \(path): no sequence of the data has a token to predict"), "\(none.errors)")
    }

    /// Before the first step.
    @Test func validationDataOfWhichNothingCanBePredicted() throws {
        let long = TrainingFolder.text(words: 60), empty = try folder.write("empty.txt", ""), short = try folder.write("short.txt", "river")
        let talk = try folder.write(
            "talk.jsonl", #"{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}"# + "\n")
        let lost = try folder.write(
            "lost.jsonl", #"{"messages": [{"role": "user", "content": "\#(long)"}, {"role": "assistant", "content": "a"}]}"# + "\n")
        for (path, train, kind, message) in [
            (empty, folder.path + "/text.txt", "causal", "no tokens are in the files"),
            (short, folder.path + "/text.txt", "causal", "holds "),
            (lost, talk, "instruction", "no sequence of the data has a token to predict"),
        ] {
            let result = try apus(try folder.arguments("data.train=[\(train)]", "data.validation=[\(path)]", "objective.kind=\(kind)"))
            #expect(result.code == 1 && result.errors.contains("apus: \(path): \(message)"), "\(result.errors)")
            #expect(!result.errors.contains("step 1/"))
        }
    }

    // MARK: The finished model's place

    /// A run never takes the model it starts from away, nor a folder of someone else's: it says so before the first step, each time.
    @Test func aModelThatIsNoRunsIsNotReplaced() throws {
        let model = folder.run + "/model", files = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
        mkdir(folder.run, 0o755)
        mkdir(model, 0o755)
        for file in files { symlink(chatModel + "/" + file, model + "/" + file) }
        let link = folder.path + "/link"
        symlink(model, link)
        for more in [[], ["--resume"]] {
            for source in [model, model + "/", link] {
                let result = try apus(try folder.arguments("model.from=\(source)") + more)
                #expect(result.code == 1 && result.output.isEmpty && !result.errors.contains("step 1/"), "\(result.errors)")
                #expect(result.errors.contains("apus: model.from: \(source) lies where the finished model is to be written, \(model); give another"))
            }
            let other = try apus(try folder.arguments() + more)
            #expect(other.code == 1 && other.output.isEmpty && !other.errors.contains("step 1/"), "\(other.errors)")
            #expect(other.errors.contains("apus: \(model): was not written by a run in this folder, and the finished model would take its place; "))
        }
        #expect(fileNames(inFolder: model).sorted() == files && folder.checkpoints().isEmpty)
        // Nor is a link or a file, which no run has written.
        for file in files { unlink(model + "/" + file) }
        rmdir(model)
        symlink(chatModel, model)
        #expect(try apus(try folder.arguments("schedule.total_steps=6")).errors.contains("apus: \(model): was not written by a run in this folder"))
        unlink(model)
        mkdir(model, 0o755)
        #expect(try apus(try folder.arguments("schedule.total_steps=6")).code == 0)
        #expect(fileNames(inFolder: model).contains("model.safetensors"))
    }

    // MARK: Weights

    /// It is said before the first step, and the run ends well.
    @Test func aModelThatNoFileCanHold() throws {
        let configuration = try folder.write(
            "deep.yaml",
            """
            model: {vocabulary_size: 320, width: 16, heads: 2, layers: 2, norm_placement: deep_norm}
            data: {train: [\(folder.path)/text.txt], tokenizer: \(chatModel), sequence_length: 16}
            schedule: {total_steps: 3, warmup_steps: 1}
            checkpoint: {directory: \(folder.run)}

            """)
        let result = try apus("train", configuration, "--output", "json"), step = try #require(result.errors.firstRange(of: "step 1/3"))
        let note = try #require(result.errors.firstRange(of: "the finished model will not be written, since the configuration of llama cannot say "))
        #expect(try result.json()["step"]?.int == 3 && note.upperBound < step.lowerBound)
        #expect(folder.checkpoints() == [3] && !fileExists(folder.run + "/model"))
    }

    /// The tiny model, element 5 of a tensor being another number.
    private func model(_ name: String, element: Float) throws -> String {
        let model = folder.path + "/model"
        mkdir(model, 0o755)
        for file in ["config.json", "tokenizer.json", "tokenizer_config.json"] { symlink(chatModel + "/" + file, model + "/" + file) }
        var bytes = try FileReader.contents(of: chatModel + "/model.safetensors")
        let headerLength = bytes[0..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
        let header = try JSON(parsing: Array(bytes[8..<8 + headerLength]), subject: "header")
        let start = try #require(header[name]?["data_offsets"]?.array?[0].int) + 8 + headerLength + 4 * 5
        bytes.replaceSubrange(start..<start + 4, with: withUnsafeBytes(of: element.bitPattern.littleEndian) { Array($0) })
        let file = try AtomicFile(path: model + "/model.safetensors")
        try file.write(bytes)
        try file.commit()
        return model
    }

    /// A loss is shown however great it is.
    @Test func aLossOfManyDigits() throws {
        let settings = ["schedule.total_steps=1", "schedule.warmup_steps=1"], model = try model("model.norm.weight", element: 1e22)
        let arguments = try folder.arguments("model.from=\(model)", settings[0], settings[1]).filter { !["--output", "json"].contains($0) }
        let result = try apus(arguments)
        #expect(result.code == 0 && result.output.hasPrefix("step 1, loss ") && result.output.contains("e+21, "), "\(result.output)\(result.errors)")
    }

    @Test(arguments: ["model.norm.weight", "model.layers.1.mlp.up_proj.weight"]) func weightsThatAreNoNumbers(name: String) throws {
        let model = try model(name, element: .nan)
        let result = try apus(try folder.arguments("model.from=\(model)"))
        #expect(result.code == 1 && result.output.isEmpty)
        #expect(result.errors.contains("apus: \(model), at ") && result.errors.contains(": element 5 is nan; "), "\(result.errors)")
        #expect(folder.checkpoints().isEmpty)
    }

    /// A checkpoint that was damaged is passed over for the one before.
    @Test func aDamagedCheckpointIsPassedOver() throws {
        _ = try apus(try folder.arguments("schedule.total_steps=20")).json()
        let metrics = try folder.metrics()
        #expect(folder.checkpoints() == [7, 14, 20])
        #expect(truncate(folder.run + "/step-00000020/weights.safetensors", 1000) == 0)
        let result = try apus(try folder.arguments("schedule.total_steps=20") + ["--resume"])
        #expect(try result.json()["step"]?.int == 20)
        #expect(result.errors.contains("passed over a checkpoint: \(folder.run)/step-00000020") && result.errors.contains("step 15/20"), "\(result.errors)")
        #expect(try folder.metrics() == metrics)
    }

    /// A run of which nothing valid is left does not start over what there is.
    @Test func aRunWithoutAValidCheckpointIsNotBegunAnew() throws {
        _ = try apus(try folder.arguments("schedule.total_steps=14")).json()
        let metrics = try folder.metrics()
        for step in ["07", "14"] { #expect(truncate("\(folder.run)/step-000000\(step)/weights.safetensors", 1000) == 0) }
        let result = try apus(try folder.arguments("schedule.total_steps=14") + ["--resume"])
        #expect(result.code == 1 && result.output.isEmpty && !result.errors.contains("step 1/"))
        let message = "apus: \(folder.run): none of its checkpoints is valid: step-00000007, step-00000014; put back a copy of one, or move them away"
        #expect(result.errors.contains(message) && result.errors.contains("step-00000007/weights.safetensors: has 1000 bytes"), "\(result.errors)")
        #expect(try folder.metrics() == metrics && folder.checkpoints() == [7, 14])
    }

    /// It takes no valid one's place among those that are kept, and stays under another name.
    @Test func aDamagedCheckpointPushesNoValidOneOut() throws {
        let settings = ["schedule.kind=constant", "checkpoint.keep=1", "checkpoint.every=1"]
        _ = try apus(try folder.arguments(settings[0], "schedule.total_steps=20")).json()
        let damaged = folder.run + "/step-00000020"
        #expect(truncate(damaged + "/weights.safetensors", 1000) == 0)
        let result = try apus(try folder.arguments(settings[0], settings[1], settings[2], "schedule.total_steps=18") + ["--resume"])
        #expect(try result.json()["step"]?.int == 18)
        #expect(result.errors.contains("the damaged checkpoint is kept as \(damaged).damaged\n"), "\(result.errors)")
        #expect(folder.checkpoints() == [18] && fileNames(inFolder: damaged + ".damaged").contains("weights.safetensors"))
        let rest = try apus(try folder.arguments(settings[0], settings[1], settings[2], "schedule.total_steps=20") + ["--resume"])
        #expect(rest.errors.contains("step 19/20") && !rest.errors.contains("passed over"), "\(rest.errors)")
        #expect(folder.checkpoints() == [20])
    }
}

extension String {
    fileprivate func components(of text: String) -> Int { ranges(of: text).count }
}
