import ApusBase
import Glibc
import Testing

@testable import ApusCheckpoints

/// Valid files with seeded changes: either a valid checkpoint or an error that names the file; never a crash or a hang.
/// `make fuzz` runs this for FUZZ_SECONDS, from FUZZ_SEED on if that is set.
@Suite struct MutationTests {
    private let folder = TemporaryFolder()

    private static func number(_ name: String) -> Int? { getenv(name).flatMap { Int(String(cString: $0)) } }

    @Test(arguments: ["a.safetensors", "a.gguf", "a.bin"])
    func neverBreaks(name: String) throws {
        let sample = try name == "a.bin" ? SampleFiles.pytorch : name == "a.gguf" ? SampleFiles.gguf(in: folder) : SampleFiles.safetensors(in: folder)
        let seconds = Self.number("FUZZ_SECONDS")
        let end = ContinuousClock.now + (seconds.map { .seconds($0 / 3) } ?? .seconds(1))
        var seed = UInt64(max(Self.number("FUZZ_SEED") ?? 1, 0))
        var opened = 0, refused = 0
        let before = Self.peakResidentBytes()
        repeat {
            var random = SplitMix(state: seed)
            let bytes = mutated(sample, &random)
            let path = try write(name, bytes)
            do throws(InputError) {
                try readAll(path)
                opened += 1
            } catch {
                refused += 1
                guard "\(error)".hasPrefix(path) else {
                    Issue.record("seed \(seed): the error does not name the file: \(error)")
                    break
                }
            }
            seed += 1
        } while ContinuousClock.now < end
        #expect(opened > 0 && refused > 0)
        // Other tests run beside this one unless it is called alone.
        if seconds != nil { #expect(Self.peakResidentBytes() - before < 64 << 20, "up to seed \(seed)") }
    }

    /// Without the syncs of an atomic write, which would take most of the time.
    private func write(_ name: String, _ bytes: [UInt8]) throws -> String {
        let path = folder.path + "/" + name
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        try #require(descriptor >= 0 && Glibc.write(descriptor, bytes, bytes.count) == bytes.count)
        close(descriptor)
        return path
    }

    private func mutated(_ sample: [UInt8], _ random: inout SplitMix) -> [UInt8] {
        var bytes = sample
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            guard !bytes.isEmpty else { break }
            let at = Int.random(in: 0..<bytes.count, using: &random)
            let end = min(bytes.count, at + Int.random(in: 1...40, using: &random))
            switch Int.random(in: 0..<8, using: &random) {
            case 0: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 1: bytes[at] = UInt8.random(in: 0...255, using: &random)
            case 2: bytes.removeSubrange(at..<end)
            case 3: bytes.insert(contentsOf: bytes[at..<end], at: Int.random(in: 0...bytes.count, using: &random))
            case 4: bytes.removeSubrange(at...)
            case 5:
                // A number of 8 bytes at its extremes.
                let extreme: UInt64 = [0, 1, 255, 1 << 31, 1 << 32, 1 << 47, 1 << 62, 1 << 63, .max].randomElement(using: &random)!
                withUnsafeBytes(of: extreme.littleEndian) { raw in
                    for (offset, byte) in raw.enumerated() where at + offset < bytes.count { bytes[at + offset] = byte }
                }
            case 6: bytes[at] = Array("0123456789{}[]\",:-e\\u.".utf8).randomElement(using: &random)!
            default: bytes.append(contentsOf: [UInt8](repeating: 0, count: Int.random(in: 1...64, using: &random)))
            }
        }
        return bytes
    }

    private static func peakResidentBytes() -> Int {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return usage.ru_maxrss * 1024
    }
}

/// SplitMix64 (Steele, Lea & Flood 2014).
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}
