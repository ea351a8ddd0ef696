// Heterodyne: from raw text to the normalized words that WordPiece cuts, as uncased BERT models were trained.
// SPDX-License-Identifier: Apache-2.0

/// Cleans, lower-cases and splits text by the rules of BERT's basic tokenizer.
///
/// In this order: drop control characters, U+FFFD and NUL; turn white space into spaces; set CJK ideographs off as words
/// of their own; decompose (NFD) and drop non-spacing marks, which strips accents; lower-case scalar by scalar; split at
/// spaces and set every punctuation mark off as a word of its own.
///
/// Everything works on Unicode scalars: a `Character` may hold a letter and its accents, or a whole emoji sequence, which
/// the model's vocabulary knows as separate tokens.
enum BERTWordSplitter {
    /// The words of a text; `visit` returns false to stop early.
    static func forEachWord(
        in text: some Collection<Unicode.Scalar>, _ visit: (ArraySlice<Unicode.Scalar>) -> Bool
    ) {
        let scalars = normalize(text)
        var start = scalars.startIndex
        for index in scalars.indices {
            let scalar = scalars[index]
            let isSpace = isWhitespace(scalar)
            guard isSpace || isPunctuation(scalar) else { continue }
            if start < index, !visit(scalars[start..<index]) { return }
            if !isSpace, !visit(scalars[index...index]) { return }
            start = index + 1
        }
        if start < scalars.endIndex { _ = visit(scalars[start...]) }
    }

    /// The cleaned, decomposed, accent-free, lower-case scalars of a text.
    static func normalize(_ text: some Collection<Unicode.Scalar>) -> [Unicode.Scalar] {
        var cleaned = String.UnicodeScalarView()
        var isASCII = true
        for scalar in text {
            if scalar.value >= 0x80 { isASCII = false }
            if isDropped(scalar) { continue }
            if isWhitespace(scalar) {
                cleaned.append(" ")
            } else if isCJKIdeograph(scalar) {
                cleaned.append(" ")
                cleaned.append(scalar)
                cleaned.append(" ")
            } else {
                cleaned.append(scalar)
            }
        }

        var result: [Unicode.Scalar] = []
        if isASCII {
            result.reserveCapacity(cleaned.count)
            for scalar in cleaned { result.append(lowercasedASCII(scalar)) }
            return result
        }
        for scalar in CanonicalDecomposition.of(cleaned) {
            if scalar.value < 0x80 {
                result.append(lowercasedASCII(scalar))
            } else if scalar.properties.generalCategory != .nonspacingMark {
                result.append(contentsOf: scalar.properties.lowercaseMapping.unicodeScalars)
            }
        }
        return result
    }

    private static func lowercasedASCII(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        guard scalar >= "A", scalar <= "Z" else { return scalar }
        return Unicode.Scalar(UInt8(truncatingIfNeeded: scalar.value) | 0x20)
    }

    /// NUL, the replacement character and all control, format and private-use characters but tab and line ends.
    /// Unassigned code points stay: they become unknown tokens.
    private static func isDropped(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "\t", "\n", "\r": return false
        case "\u{FFFD}": return true
        case " "..."~": return false
        default:
            switch scalar.properties.generalCategory {
            case .control, .format, .privateUse, .surrogate: return true
            default: return false
            }
        }
    }

    private static func isWhitespace(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case " ", "\t", "\n", "\r": true
        case "!"..."~": false
        default: scalar.properties.isWhitespace
        }
    }

    /// All ASCII that is neither letter, digit, space nor control counts, `$`, `+`, `^` and "`" among it, and beyond ASCII
    /// the categories P*.
    private static func isPunctuation(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "!"..."/", ":"..."@", "["..."`", "{"..."~": return true
        case "\u{0}"..."\u{7F}": return false
        default:
            switch scalar.properties.generalCategory {
            case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
                .finalPunctuation, .otherPunctuation:
                return true
            default: return false
            }
        }
    }

    /// The blocks that BERT sets off as single words. Hiragana, Katakana and Hangul are written with spaces or as runs and
    /// do not belong to them. The fast tokenizers that most models are used with begin the range after U+2B81F at U+2B920
    /// (the original text says U+2B820); this follows them.
    private static func isCJKIdeograph(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x4E00...0x9FFF, 0x3400...0x4DBF, 0xF900...0xFAFF: true
        case 0x20000...0x2A6DF, 0x2A700...0x2B81F, 0x2B920...0x2CEAF, 0x2F800...0x2FA1F: true
        default: false
        }
    }
}
