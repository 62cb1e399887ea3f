import ApusBase
import Glibc
import Testing

@testable import ApusTraining

/// `metrics.jsonl` and the event files of TensorBoard.
@Suite struct MetricsFileTests {
    private let scratch = ScratchFolder(memory: true)
    private var path: String { scratch.path + "/metrics.jsonl" }
    private var text: String { get throws { String(decoding: try FileReader.contents(of: path), as: UTF8.self) } }

    private func record(_ step: Int) -> MetricsRecord {
        var record = MetricsRecord(step: step)
        (record.loss, record.tokens) = (10 / Double(step), step * 512)
        return record
    }

    // MARK: Lines

    @Test func aLineHasTheKeysOfTheContract() throws {
        var record = MetricsRecord(step: 10)
        (record.loss, record.gradientNorm, record.learningRate) = (3.5, .infinity, 3e-4)
        (record.tokens, record.tokensPerSecond, record.peakResidentByteCount) = (20480, 1234.5, 5_000_000_000)
        let line = #"{"step":10,"loss":3.5,"gradient_norm":null,"learning_rate":0.0003,"tokens_per_second":1234.5,"tokens":20480,"peak_rss_bytes":5000000000}"#
        #expect(record.json.serialized() == line)
        (record.validationLoss, record.lossScale, record.skipped, record.event) = (3.25, 65536, 2, "a \"b\"")
        let full = line.dropLast() + #","skipped":2,"event":"a \"b\""}"#
        #expect(record.json.serialized() == full.replacing(#","tokens":"#, with: #","validation_loss":3.25,"loss_scale":65536.0,"tokens":"#))
        record.gradientNorm = 2
        let read = try MetricsRecord(JSON(parsing: Array(record.json.serialized().utf8), subject: "line"), subject: "line")
        #expect(read == record)
    }

    @Test func aContinuedRunTellsOneStory() throws {
        do {
            let file = try MetricsFile(path: path, keepingThrough: 0)
            for step in [10, 20, 30, 40] { try file.append(record(step)) }
        }
        let whole = try text
        #expect(whole.split(separator: "\n").count == 4)
        // Killed while it wrote a line.
        let descriptor = open(path, O_WRONLY | O_APPEND)
        _ = write(descriptor, "{\"step\":50,\"lo", 14)
        close(descriptor)
        do {
            let file = try MetricsFile(path: path, keepingThrough: 25)
            #expect(file.records == [record(10), record(20)])
            try file.append(record(26))
        }
        #expect(try text == [10, 20, 26].map { record($0).json.serialized() + "\n" }.joined())
        let file = try MetricsFile(path: path, keepingThrough: 1000)
        try file.drop(after: 10)
        try file.append(record(12))
        #expect(try text == [10, 12].map { record($0).json.serialized() + "\n" }.joined())
        #expect(file.records == [record(10), record(12)])
        #expect(try MetricsFile(path: path, keepingThrough: 0).records.isEmpty)
        #expect(try text == "")
    }

    @Test func aLineOfSomethingElseIsRefused() throws {
        let file = try AtomicFile(path: path)
        try file.write(Array("{\"step\":1}\n{\"loss\":2}\n".utf8))
        try file.commit()
        do throws(InputError) {
            _ = try MetricsFile(path: path, keepingThrough: 9)
            Issue.record("it was read")
        } catch { #expect(error.description == "\(path), line 2, at step: must be a whole number from 1 on") }
        #expect(try text.hasPrefix("{\"step\":1}\n"))
    }

    // MARK: All of a run

    @Test func aRunIsLoggedInAllPlaces() throws {
        func log(_ step: Int) throws -> RunLog {
            try RunLog(
                directory: scratch.path, title: "x", subtitle: "", configuration: .object(["a": .object(["b": .integer(1)])]), tensorBoard: true,
                continuingFrom: step)
        }
        func page() throws -> String { String(decoding: try FileReader.contents(of: scratch.path + "/report.html"), as: UTF8.self) }
        var run = try log(0)
        let progress = TrainingProgress(step: 30, totalSteps: 100, flopsPerToken: 1)
        for step in [10, 20, 30] { try run.add(record(step), progress, elapsedSeconds: 1) }
        #expect(try text.split(separator: "\n").count == 3)
        #expect(try page().contains("running"))
        try run.goBack(to: 20, "the loss was 9")
        try run.add(record(25), progress, elapsedSeconds: 2)
        try run.end(.finished, progress, elapsedSeconds: 3)
        var last = record(25)
        last.event = "the loss was 9"
        #expect(try text == [record(10), record(20), last].map { $0.json.serialized() + "\n" }.joined())
        #expect(try page().contains("<b>step 25</b> the loss was 9") && page().contains("finished"))
        run = try log(20)
        try run.add(record(30), progress, elapsedSeconds: 4)
        #expect(try text == [10, 20, 30].map { record($0).json.serialized() + "\n" }.joined())
        #expect(fileNames(inFolder: scratch.path).sorted() == ["metrics.jsonl", "report.html", "tensorboard"])
        #expect(fileNames(inFolder: scratch.path + "/tensorboard").count == 2)
        removeFolder(scratch.path + "/tensorboard")
    }

    // MARK: Events

    private func hex(_ bytes: [UInt8]) -> String { bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }

    @Test func theChecksumIsThatOfTheStandard() {
        // RFC 3720, appendix B.4, and the check value of the polynomial.
        #expect(CRC32C.checksum([UInt8](repeating: 0, count: 32)).value == 0x8A91_36AA)
        #expect(CRC32C.checksum([UInt8](repeating: 0xFF, count: 32)).value == 0x62A8_AB43)
        #expect(CRC32C.checksum((0..<32).map { UInt8($0) }).value == 0x46DD_794E)
        #expect(CRC32C.checksum(Array("123456789".utf8)).value == 0xE306_9283)
        // However the bytes are divided.
        let bytes = (0..<100).map { UInt8(truncatingIfNeeded: $0 &* 37) }
        for cut in 0...100 {
            var checksum = CRC32C()
            bytes[..<cut].withUnsafeBytes { checksum.update($0) }
            bytes[cut...].withUnsafeBytes { checksum.update($0) }
            #expect(checksum == CRC32C.checksum(bytes))
        }
    }

    /// As the `tensorboard` package (2.20) writes the same events.
    @Test func eventsAreTensorBoards() {
        func bytes(_ content: EventRecord.Content, _ step: Int) -> String { hex(EventRecord.bytes(content, step: step, seconds: 1_700_000_000.5)) }
        #expect(bytes(.version, 0) == "1800000000000000a37f4b220900002040fc54d9411a0d627261696e2e4576656e743a322b353110")
        #expect(bytes(.restart, 201) == "100000000000000095fbfe180900002040fc54d94110c9013a020801c451f9e5")
        #expect(
            bytes(.scalars([("loss/train", 3.25), ("optimizer/learning_rate", 3e-4)]), 300)
                == "410000000000000000a9c2ab0900002040fc54d94110ac022a330a110a0a6c6f73732f747261696e15000050400a1e0a176f7074696d697a65722f6c6561726e"
                + "696e675f726174651552499d39448df191")
        #expect(
            bytes(.text(tag: "configuration", "a: 1"), 1)
                == "3800000000000000a3797d570900002040fc54d94110012a2b0a290a0d636f6e66696775726174696f6e420e08071204120208014204613a20314a080a060a0474"
                + "6578749f4cdeda")
    }

    @Test func anEventFileIsRecordsAfterRecords() throws {
        let folder = scratch.path + "/tensorboard"
        let first = try TensorBoardWriter(folder: folder, continuingFrom: 0, seconds: 1_700_000_000.5)
        let second = try TensorBoardWriter(folder: folder, continuingFrom: 200, seconds: 1_700_000_000.5)
        #expect(first.path.hasPrefix(folder + "/events.out.tfevents.1700000000."))
        var record = MetricsRecord(step: 300)
        (record.loss, record.learningRate) = (3.25, 3e-4)
        try second.add(record, seconds: 1_700_000_000.5)
        func events(_ contents: [(EventRecord.Content, Int)]) -> [UInt8] {
            contents.flatMap { EventRecord.bytes($0.0, step: $0.1, seconds: 1_700_000_000.5) }
        }
        #expect(try FileReader.contents(of: first.path) == events([(.version, 0)]))
        let expected = events([(.version, 0), (.restart, 201), (.scalars([("loss/train", 3.25), ("optimizer/learning_rate", 3e-4)]), 300)])
        #expect(try FileReader.contents(of: second.path) == expected)
    }
}
