import ApusBase

/// One record of a TensorBoard event file: a message `Event` (tensorflow/core/util/event.proto) in the framing of TFRecord files.
enum EventRecord {
    /// What an event says.
    enum Content {
        /// The first event of a file.
        case version
        /// The run goes on from here: what other files say of this step and later ones does not count.
        case restart
        case scalars([(tag: String, value: Double)])
        /// Markdown.
        case text(tag: String, String)
    }

    /// The bytes of the record.
    static func bytes(_ content: Content, step: Int, seconds: Double) -> [UInt8] {
        var event = ProtobufWriter()
        event.fixed64(1, seconds.bitPattern)
        if step != 0 { event.integer(2, step) }
        switch content {
        case .version: event.bytes(3, "brain.Event:2".utf8)
        case .restart:
            var log = ProtobufWriter()
            log.integer(1, 1)  // SessionLog.START
            event.bytes(7, log.bytes)
        case .scalars(let values):
            var summary = ProtobufWriter()
            for (tag, value) in values { summary.bytes(1, scalar(tag, value)) }
            event.bytes(5, summary.bytes)
        case .text(let tag, let text):
            var summary = ProtobufWriter()
            summary.bytes(1, textValue(tag, text))
            event.bytes(5, summary.bytes)
        }
        return framed(event.bytes)
    }

    /// Length, checksum of the length, data, checksum of the data.
    static func framed(_ data: [UInt8]) -> [UInt8] {
        func little(_ value: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }
        let length = little(UInt64(data.count))
        return length + little(CRC32C.checksum(length).masked) + data + little(CRC32C.checksum(data).masked)
    }

    /// `Summary.Value` with `simple_value`.
    private static func scalar(_ tag: String, _ value: Double) -> [UInt8] {
        var message = ProtobufWriter()
        message.bytes(1, tag.utf8)
        message.fixed32(2, Float(value).bitPattern)
        return message.bytes
    }

    /// `Summary.Value` with a tensor of one string for the plugin of texts.
    private static func textValue(_ tag: String, _ text: String) -> [UInt8] {
        var plugin = ProtobufWriter()
        plugin.bytes(1, "text".utf8)
        var metadata = ProtobufWriter()
        metadata.bytes(1, plugin.bytes)
        var dimension = ProtobufWriter()
        dimension.integer(1, 1)
        var shape = ProtobufWriter()
        shape.bytes(2, dimension.bytes)
        var tensor = ProtobufWriter()
        tensor.integer(1, 7)  // DT_STRING
        tensor.bytes(2, shape.bytes)
        tensor.bytes(8, text.utf8)
        var value = ProtobufWriter()
        value.bytes(1, tag.utf8)
        value.bytes(8, tensor.bytes)
        value.bytes(9, metadata.bytes)
        return value.bytes
    }
}
