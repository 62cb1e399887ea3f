/// Bounds far above what models need. They keep what a hostile header makes the readers hold within the file's size + 64 MiB.
enum CheckpointLimits {
    /// Of one file.
    static let tensors = 131_072
    /// Bytes of a tensor's name.
    static let nameByteCount = 255
    static let rule = "a file may have \(tensors) tensors, and their names \(nameByteCount) bytes"
    /// Pairs of GGUF metadata.
    static let metadataPairs = 65536
    /// Numbers of all GGUF metadata together: they are widened to 8 bytes each.
    static let metadataNumbers = 1 << 22
    /// Bytes before a GGUF file's tensors.
    static let ggufHeaderByteCount = 64 << 20
    /// Bytes of a sharded checkpoint's index.
    static let indexByteCount = 64 << 20
    /// Entries of a zip file.
    static let zipEntries = 2 * tensors
    /// Bytes and operations of a PyTorch file's pickle: a tensor takes about 200 and 35.
    static let pickleByteCount = 16 << 20
    static let pickleOperations = 1 << 20
}
