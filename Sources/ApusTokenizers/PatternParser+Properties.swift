extension PatternParser {
    /// The general categories and their groups by the names of Unicode Standard Annex 44.
    static let properties: [String: CategorySet] = [
        "L": .letters, "Letter": .letters,
        "Lu": CategorySet(.uppercaseLetter), "Ll": CategorySet(.lowercaseLetter), "Lt": CategorySet(.titlecaseLetter),
        "Lm": CategorySet(.modifierLetter), "Lo": CategorySet(.otherLetter), "LC": .cased,
        "M": .marks, "Mark": .marks,
        "Mn": CategorySet(.nonspacingMark), "Mc": CategorySet(.spacingMark), "Me": CategorySet(.enclosingMark),
        "N": .numbers, "Number": .numbers,
        "Nd": CategorySet(.decimalNumber), "Nl": CategorySet(.letterNumber), "No": CategorySet(.otherNumber),
        "P": .punctuation, "Punctuation": .punctuation,
        "Pc": CategorySet(.connectorPunctuation), "Pd": CategorySet(.dashPunctuation), "Ps": CategorySet(.openPunctuation),
        "Pe": CategorySet(.closePunctuation), "Pi": CategorySet(.initialPunctuation), "Pf": CategorySet(.finalPunctuation),
        "Po": CategorySet(.otherPunctuation),
        "S": .symbols, "Symbol": .symbols,
        "Sm": CategorySet(.mathSymbol), "Sc": CategorySet(.currencySymbol), "Sk": CategorySet(.modifierSymbol),
        "So": CategorySet(.otherSymbol),
        "Z": .separators, "Separator": .separators,
        "Zs": CategorySet(.spaceSeparator), "Zl": CategorySet(.lineSeparator), "Zp": CategorySet(.paragraphSeparator),
        "C": CategorySet(.control, .whiteControl, .format, .privateUse, .unassigned),
        "Cc": CategorySet(.control, .whiteControl), "Cf": CategorySet(.format), "Co": CategorySet(.privateUse),
        "Cn": CategorySet(.unassigned),
    ]

    /// Script=Han (Unicode 16, Scripts.txt).
    static let han: [ClosedRange<UInt32>] = [
        0x2E80...0x2E99, 0x2E9B...0x2EF3, 0x2F00...0x2FD5, 0x3005...0x3005, 0x3007...0x3007, 0x3021...0x3029, 0x3038...0x303B,
        0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFA6D, 0xFA70...0xFAD9, 0x16FE2...0x16FE3, 0x16FF0...0x16FF1,
        0x20000...0x2A6DF, 0x2A700...0x2B739, 0x2B740...0x2B81D, 0x2B820...0x2CEA1, 0x2CEB0...0x2EBE0, 0x2EBF0...0x2EE5D,
        0x2F800...0x2FA1D, 0x30000...0x3134A, 0x31350...0x323AF,
    ]
}
