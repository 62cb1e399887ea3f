import ApusDescription

extension DecoderDescription {
    /// An encoder as a model that predicts hidden tokens (BERT, Devlin et al. 2019), with the head of its files or the one that its family has;
    /// nil where it has none.
    package var predictingHidden: DecoderDescription? {
        guard head == nil, let maskedHead = maskedHead ?? Families.named(architecture)?.maskedHead(of: self) else { return nil }
        var whole = self
        (whole.head, whole.maskedHead) = (maskedHead, nil)
        return whole
    }

    /// The description as files have it: a model that predicts hidden tokens is an encoder.
    var ofFiles: DecoderDescription {
        guard let head, Families.named(architecture)?.maskedHead(of: self) != nil else { return self }
        var encoder = self
        (encoder.head, encoder.maskedHead) = (nil, head)
        return encoder
    }
}
