import ApusBase
import Glibc
import Testing

@testable import ApusTraining
@testable import checkpoint_probe

/// Runs that are killed, share a folder or have no disk left, each in a process of its own.
@Suite(.serialized) struct CheckpointProcessTests {
    private let scratch = ScratchFolder()
    private var directory: String { scratch.path + "/run" }

    private static let canMount = (try? ProbeProcess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"]).code) == 0

    @Test func killedAtFiftyInstantsNothingSavedIsLost() throws {
        var generator = SystemRandomNumberGenerator()
        var saved = 0, cutShort = 0
        for kill in 1...50 {
            let run = try ProbeProcess([ProbeProcess.probe, "run", directory])
            #expect(run.wait(for: "saved"), "\(run.output)")
            usleep(UInt32.random(in: 0..<30_000, using: &generator))
            run.kill()
            #expect(run.wait() == -SIGKILL, "\(run.output)")
            let last = run.output.split(separator: "\n").compactMap { Int($0.dropFirst("saved ".count)) }.max() ?? 0
            #expect(last > saved, "it did not continue")
            saved = last
            cutShort += fileNames(inFolder: directory).contains { $0.hasSuffix("partial") } ? 1 : 0
            let store = try CheckpointStore(directory: directory, keep: 2)
            let found = store.newestValid()
            #expect(found.skipped.isEmpty, "kill \(kill): \(found.skipped)")
            let checkpoint = try #require(found.checkpoint, "kill \(kill)")
            #expect((saved...saved + 1).contains(checkpoint.state.step), "kill \(kill)")
            let fault = try SampleRun().fault(in: checkpoint)
            #expect(fault == nil, "kill \(kill)")
            saved = checkpoint.state.step
        }
        #expect(cutShort > 0, "no kill fell into the writing of a checkpoint")
    }

    @Test func twoRunsInOneFolderAreRefused() throws {
        let run = try ProbeProcess([ProbeProcess.probe, "hold", directory])
        #expect(run.wait(for: "held"), "\(run.output)")
        let second = try ProbeProcess([ProbeProcess.probe, "hold", directory])
        #expect(second.wait(for: "\n"))
        second.kill()
        #expect(second.wait() != 0)
        #expect(second.output.contains("another run writes there: process "), "\(second.output)")
        #expect(throws: InputError.self) { try CheckpointStore(directory: directory, keep: 1) }
        run.kill()
        _ = run.wait()
        // The lock of a process that was killed is taken over, and given up in the end.
        for _ in 0..<2 { _ = try CheckpointStore(directory: directory, keep: 1) }
    }

    @Test func aLockNamesWhoHoldsIt() throws {
        let own = RunLock.Holder.thisMachine
        #expect(RunLock.Holder("1 \(own)\n")?.mayRun == true)
        #expect(RunLock.Holder("1 another-\(own)\n")?.mayRun == true)
        let dead = try ProbeProcess.run(["sh", "-c", "echo $$"])
        #expect(RunLock.Holder("\(dead.output.dropLast()) \(own)\n")?.mayRun == false)
        for text in ["", "12", "x y", "0 \(own)"] { #expect(RunLock.Holder(text) == nil) }
    }

    @Test func aWriteThatFailsAtAnyByteKeepsTheOldOne() throws {
        let memory = ScratchFolder(memory: true)
        let probe = try ProbeProcess.run([ProbeProcess.probe, "limits", memory.path])
        #expect(probe.code == 0, "\(probe.output)")
        #expect(probe.output.split(separator: "\n").count == 3, "\(probe.output)")
    }

    @Test(.enabled(if: canMount, "a small disk cannot be mounted here")) func aFullDiskKeepsTheOldOne() throws {
        var kept: Set<Int> = []
        for pages in 1...40 where kept.max() != 3 {
            let script = #"mount -t tmpfs -o size=$1 none "$2" && mkdir "$2/run" && exec "$3" fill "$2/run""#
            let probe = try ProbeProcess.run(["unshare", "-rm", "sh", "-c", script, "sh", "\(pages * 4096)", scratch.path, ProbeProcess.probe])
            #expect(probe.code == 0 || probe.output.contains("run.lock: cannot be written: No space left"), "\(pages) pages: \(probe.output)")
            guard let last = probe.output.split(separator: "\n").last, let count = Int(last.dropFirst("kept ".count)) else { continue }
            kept.insert(count)
            guard count < 3 else { continue }
            #expect(probe.output.contains("No space left on device; free some space on the disk"), "\(probe.output)")
            if count > 0 { #expect(probe.output.contains("that of step \(count) is kept"), "\(probe.output)") }
        }
        #expect(kept == [0, 1, 3])
    }

    @Test func aFolderThatCannotBeWrittenIsAMessage() throws {
        chmod(scratch.path, 0o755)
        mkdir(directory, 0o555)
        let probe = try ProbeProcess.run([ProbeProcess.probe, getuid() == 0 ? "nobody" : "hold", directory])
        #expect(probe.code == 1)
        #expect(probe.output.contains("\(directory): cannot be written: Permission denied; check the folder"), "\(probe.output)")
        #expect(throws: InputError.self) { try CheckpointStore(directory: "/proc/apus/run", keep: 1) }
        try AtomicFile(path: scratch.path + "/file").commit()
        #expect(throws: InputError.self) { try CheckpointStore(directory: scratch.path + "/file", keep: 1) }
    }
}
