import Glibc

/// The memory that a process may take without being killed for it or driving others out.
package enum AvailableMemory {
    /// Bytes: `MemAvailable` of the machine, or what the process's control group leaves of its limit, whichever is less.
    /// Nil where the system does not say.
    ///
    /// - Parameters:
    ///   - meminfo: of the proc file system.
    ///   - groupOfProcess: the groups a process is in.
    ///   - groups: where the groups' files are, of version 2 or version 1.
    package static func read(
        meminfo: String = "/proc/meminfo", groupOfProcess: String = "/proc/self/cgroup", groups: String = "/sys/fs/cgroup"
    ) -> Int? {
        let machine = text(meminfo).flatMap(availableOfMachine)
        let limits = text(groupOfProcess).map { rooms(groupOfProcess: $0, groups: groups) } ?? []
        return ([machine].compactMap { $0 } + limits).min()
    }

    /// The text of a small file; those of the system say that they have no length.
    private static func text(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 1 << 16), count = 0
        while count < bytes.count {
            let more = bytes.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress! + count, $0.count - count) }
            guard more > 0 else { break }
            count += more
        }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }

    private static func availableOfMachine(_ text: String) -> Int? {
        for line in text.split(separator: "\n") where line.hasPrefix("MemAvailable:") {
            return line.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
        }
        return nil
    }

    /// What each of the process's groups with a limit has left, up to the root.
    private static func rooms(groupOfProcess: String, groups: String) -> [Int] {
        groupOfProcess.split(separator: "\n").flatMap { line -> [Int] in
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { return [] }
            let isSecondVersion = parts[1].isEmpty
            guard isSecondVersion || parts[1].split(separator: ",").contains("memory") else { return [] }
            let root = isSecondVersion ? groups : groups + "/memory"
            let files = isSecondVersion ? ("memory.max", "memory.current") : ("memory.limit_in_bytes", "memory.usage_in_bytes")
            return ancestors(String(parts[2])).compactMap { room(root + $0, limitFile: files.0, usageFile: files.1) }
        }
    }

    /// "", "/a" and "/a/b" of "/a/b".
    private static func ancestors(_ path: String) -> [String] {
        path.split(separator: "/").reduce(into: [""]) { $0.append($0.last! + "/" + $1) }
    }

    /// Pages of files in the group's cache count as used, but make room when it is needed.
    private static func room(_ folder: String, limitFile: String, usageFile: String) -> Int? {
        func number(_ name: String) -> Int? { text(folder + "/" + name).flatMap { Int($0.split(separator: "\n").first ?? "") } }
        guard let limit = number(limitFile), let usage = number(usageFile), limit < 1 << 60 else { return nil }
        let cached = (text(folder + "/memory.stat") ?? "").split(separator: "\n").first {
            $0.hasPrefix("inactive_file ") || $0.hasPrefix("total_inactive_file ")
        }.flatMap { $0.split(separator: " ").last.flatMap { Int($0) } }
        return max(0, limit - usage + (cached ?? 0))
    }
}
