import Crypto

/// The checksum of a file's content that its ETag states: SHA-256 for files in large-file storage, git's blob SHA-1 for others.
struct ContentDigest {
    private enum Function {
        case sha256(SHA256)
        case gitBlob(Insecure.SHA1)
    }

    private var function: Function

    /// Nil where the ETag is neither.
    init?(etag: String, byteCount: Int) {
        if isHexadecimal(etag, count: 64) {
            function = .sha256(SHA256())
        } else if isHexadecimal(etag, count: 40) {
            var hash = Insecure.SHA1()
            hash.update(data: Array("blob \(byteCount)\0".utf8))
            function = .gitBlob(hash)
        } else {
            return nil
        }
    }

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        switch function {
        case .sha256(var hash):
            hash.update(bufferPointer: bytes)
            function = .sha256(hash)
        case .gitBlob(var hash):
            hash.update(bufferPointer: bytes)
            function = .gitBlob(hash)
        }
    }

    /// In hexadecimal, as the ETag has it.
    var text: String {
        switch function {
        case .sha256(let hash): Self.hexadecimal(hash.finalize())
        case .gitBlob(let hash): Self.hexadecimal(hash.finalize())
        }
    }

    var name: String {
        switch function {
        case .sha256: "SHA-256"
        case .gitBlob: "git SHA-1"
        }
    }

    private static func hexadecimal(_ digest: some Sequence<UInt8>) -> String {
        digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
