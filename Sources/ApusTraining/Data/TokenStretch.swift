/// Tokens of a corpus that become a sequence: those of a window, and the one behind it.
package struct TokenStretch: Sendable, Equatable {
    /// Below 0: ~id of a token that does not count.
    package var ids: [Int32]
    /// Documents or parts of them, one after the other.
    package var documents: [Range<Int>]

    package init(ids: [Int32], documents: [Range<Int>]) { (self.ids, self.documents) = (ids, documents) }
}
