// Heterodyne: a value whose scalar type a device lacks, held in others.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

/// How a value is held while its graph is rewritten for a device that lacks its scalar type.
enum Form {
    /// The ways.
    enum Kind: Hashable, CaseIterable {
        case typed, words, pair, single, bits
    }

    /// In its own type.
    case typed(Term)
    /// A 64-bit value as two uint32 of its shape: every bit.
    case words(low: Term, high: Term)
    /// A float64 as the sum of two float32 of its shape.
    case pair(high: Term, low: Term)
    /// In the 32-bit type that stands in for its own (`ScalarType.standIn`), whose value is one of its own type.
    case single(Term)
    /// A value of 8 or 16 bits as an integer of as many bits.
    case bits(Term)

    /// The way.
    var kind: Kind {
        switch self {
        case .typed: .typed
        case .words: .words
        case .pair: .pair
        case .single: .single
        case .bits: .bits
        }
    }

    /// The terms, in the order of the cases' arguments.
    var planes: [Term] {
        switch self {
        case .typed(let term), .single(let term), .bits(let term): [term]
        case .words(let low, let high): [low, high]
        case .pair(let high, let low): [high, low]
        }
    }
}

extension Form.Kind {
    /// How many planes the form has.
    var planeCount: Int {
        switch self {
        case .typed, .single, .bits: 1
        case .words, .pair: 2
        }
    }

    /// The form with these planes, of which there must be `planeCount`.
    func form(_ planes: [Term]) -> Form {
        switch self {
        case .typed: .typed(planes[0])
        case .words: .words(low: planes[0], high: planes[1])
        case .pair: .pair(high: planes[0], low: planes[1])
        case .single: .single(planes[0])
        case .bits: .bits(planes[0])
        }
    }
}

/// A value of the graph that is being rewritten, and the forms in which it was needed so far: each conversion is made once.
final class CarriedValue {
    /// The type in the original graph.
    let type: TensorType
    /// The form that it was made in; nil for constants, which have each form for nothing.
    let origin: Form.Kind?
    /// The value of a constant.
    let literal: Literal?
    /// The forms made so far.
    var forms: [Form.Kind: Form]

    /// A value in a form.
    init(_ type: TensorType, _ form: Form) {
        self.type = type
        origin = form.kind
        literal = nil
        forms = [form.kind: form]
    }

    /// A constant.
    init(_ literal: Literal) {
        type = literal.type
        origin = nil
        self.literal = literal
        forms = [:]
    }

    /// The scalar type in the original graph.
    var scalarType: ScalarType { type.scalarType }
}

extension ScalarType {
    /// The 32-bit type that the type is computed in where a device lacks it: the floats in float32, signed integers in
    /// int32, the others in uint32.
    var standIn: ScalarType {
        switch self {
        case .float8e4m3fn, .float8e5m2, .float16, .bfloat16, .float32, .float64: .float32
        case .int4, .int8, .int16, .int32, .int64: .int32
        case .bool, .uint4, .uint8, .uint16, .uint32, .uint64: .uint32
        }
    }
}
