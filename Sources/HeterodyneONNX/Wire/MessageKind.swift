// Heterodyne: which fields of which messages are decoded, and how.
// SPDX-License-Identifier: Apache-2.0

/// The messages of Schema/onnx.proto.
enum MessageKind {
    case model, graph, function, node, attribute, tensor, sparseTensor, valueInfo
    case type, tensorType, elementType, mapType, opaqueType, shape, dimension
    case entry, operatorSet, annotation

    /// What becomes of a field on its way to the decoder.
    enum Action {
        /// Left out: not needed, not known, or walked by the reader itself.
        case drop
        /// A number or text; `repeated` says whether it may occur more than once.
        case keep(repeated: Bool)
        /// Packed or single numbers of variable length.
        case varints
        /// Packed or single numbers of four bytes.
        case floats
        /// A message of this kind.
        case message(MessageKind, repeated: Bool)
        /// A message that stays in the file.
        case reference(repeated: Bool)
    }

    /// The bytes that the decoded message takes in memory before its text and its lists: as it is kept, about three times
    /// its stride, since lists grow by doubling and have their old and new memory while they do.
    var weight: Int {
        switch self {
        case .model, .graph, .function: 512
        case .node: 352
        case .attribute: 256
        case .tensor, .sparseTensor: 320
        case .valueInfo: 192
        case .type, .tensorType, .elementType, .mapType, .opaqueType, .shape: 64
        case .dimension, .entry, .operatorSet: 48
        case .annotation: 96
        }
    }

    func action(_ field: Int) -> Action {
        switch self {
        case .model:
            switch field {
            case 1...6: .keep(repeated: false)
            case 7: .reference(repeated: false)
            case 8: .message(.operatorSet, repeated: true)
            case 14: .message(.entry, repeated: true)
            case 25: .reference(repeated: true)
            default: .drop
            }
        case .graph:
            switch field {
            case 2, 10: .keep(repeated: false)
            case 14: .message(.annotation, repeated: true)
            case 16: .message(.entry, repeated: true)
            default: .drop
            }
        case .annotation:
            switch field {
            case 1: .keep(repeated: false)
            case 2: .message(.entry, repeated: true)
            default: .drop
            }
        case .function:
            switch field {
            case 1, 8, 10, 13: .keep(repeated: false)
            case 4, 5, 6: .keep(repeated: true)
            case 9: .message(.operatorSet, repeated: true)
            case 14: .message(.entry, repeated: true)
            default: .drop
            }
        case .node:
            switch field {
            case 1, 2: .keep(repeated: true)
            case 3, 4, 6, 7, 8: .keep(repeated: false)
            case 5: .message(.attribute, repeated: true)
            case 9: .message(.entry, repeated: true)
            default: .drop
            }
        case .attribute: Self.attributeAction(field)
        case .tensor:
            switch field {
            case 1: .varints
            case 2, 8, 14: .keep(repeated: false)
            case 13: .message(.entry, repeated: true)
            default: .drop
            }
        case .sparseTensor:
            switch field {
            case 1, 2: .reference(repeated: false)
            case 3: .varints
            default: .drop
            }
        case .valueInfo:
            switch field {
            case 1, 3: .keep(repeated: false)
            case 2: .message(.type, repeated: false)
            case 4: .message(.entry, repeated: true)
            default: .drop
            }
        default: typeAction(field)
        }
    }

    private static func attributeAction(_ field: Int) -> Action {
        switch field {
        case 1, 2, 3, 4, 20, 21: .keep(repeated: false)
        case 5, 6, 22: .reference(repeated: false)
        case 7: .floats
        case 8: .varints
        case 9: .keep(repeated: true)
        case 10, 11, 23: .reference(repeated: true)
        case 14: .message(.type, repeated: false)
        case 15: .message(.type, repeated: true)
        default: .drop
        }
    }

    private func typeAction(_ field: Int) -> Action {
        switch self {
        case .type:
            switch field {
            case 1, 8: .message(.tensorType, repeated: false)
            case 4, 9: .message(.elementType, repeated: false)
            case 5: .message(.mapType, repeated: false)
            case 6: .keep(repeated: false)
            case 7: .message(.opaqueType, repeated: false)
            default: .drop
            }
        case .tensorType:
            switch field {
            case 1: .keep(repeated: false)
            case 2: .message(.shape, repeated: false)
            default: .drop
            }
        case .elementType: field == 1 ? .message(.type, repeated: false) : .drop
        case .mapType:
            switch field {
            case 1: .keep(repeated: false)
            case 2: .message(.type, repeated: false)
            default: .drop
            }
        case .shape: field == 1 ? .message(.dimension, repeated: true) : .drop
        case .dimension: field <= 3 ? .keep(repeated: false) : .drop
        case .opaqueType, .entry, .operatorSet: field <= 2 ? .keep(repeated: false) : .drop
        default: .drop
        }
    }
}
