// Heterodyne: reading types and attributes.
// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf

extension ModelReader {
    /// The value description at `range`.
    func value(_ range: Range<Int>) throws(ONNXError) -> ONNXValue {
        let encoded = try decode(Heterodyne_Onnx_ValueInfo.self, .valueInfo, range)
        return try within("value \(quoted(encoded.name))") { () throws(ONNXError) in
            ONNXValue(
                name: encoded.name, type: encoded.hasType ? try type(encoded.type) : nil,
                documentation: encoded.docString, metadata: try entries(encoded.metadataProps))
        }
    }

    /// A type. Types without a kind are unknown, which some exporters write for values that they did not infer.
    private func type(_ encoded: Heterodyne_Onnx_Type) throws(ONNXError) -> ONNXType? {
        switch encoded.value {
        case nil: return nil
        case .tensorType(let tensor):
            // Exporters write number 0 for values whose type they did not infer.
            if tensor.elemType == 0 { return nil }
            return .tensor(try elementType(tensor.elemType), try dimensions(tensor))
        case .sparseTensorType(let tensor):
            return .sparseTensor(try elementType(tensor.elemType), try dimensions(tensor))
        case .sequenceType(let element): return .sequence(try required(element.elemType, "sequence"))
        case .optionalType(let element): return .optional(try required(element.elemType, "optional"))
        case .mapType(let map):
            return .map(key: try elementType(map.keyType), value: try required(map.valueType, "map"))
        case .opaqueType(let opaque): return .opaque(domain: opaque.domain, name: opaque.name)
        }
    }

    private func required(_ encoded: Heterodyne_Onnx_Type, _ owner: String) throws(ONNXError) -> ONNXType {
        guard let type = try type(encoded) else {
            throw ONNXError(
                .invalidType, "a \(owner) does not say of what type its elements are; export the model again")
        }
        return type
    }

    /// The element type of number `code`.
    func elementType(_ code: Int32) throws(ONNXError) -> ONNXElementType {
        guard let type = ONNXElementType(rawValue: code) else {
            throw ONNXError(
                code == 0 ? .invalidType : .unsupportedType,
                "has element type number \(code); numbers 1 to 28 are known")
        }
        return type
    }

    private func dimensions(_ tensor: Heterodyne_Onnx_Type.Tensor) throws(ONNXError) -> [ONNXDimension]? {
        guard tensor.hasShape else { return nil }
        return try tensor.shape.dim.map { (dimension) throws(ONNXError) in
            switch dimension.value {
            case nil: return .unknown
            case .dimParam(let name): return name.isEmpty ? .unknown : .symbol(name)
            case .dimValue(let extent):
                // Some exporters write -1 for what they do not know.
                if extent == -1 { return .unknown }
                guard extent >= 0, let fixed = Int(exactly: extent) else {
                    throw ONNXError(.invalidType, "has a dimension of \(extent); extents are 0 or more")
                }
                return .fixed(fixed)
            }
        }
    }

    /// The value of an attribute of a node in a graph that is `depth` graphs within others.
    func attribute(_ encoded: Heterodyne_Onnx_Attribute, depth: Int) throws(ONNXError) -> ONNXAttribute {
        try within("attribute \(quoted(encoded.name))") { () throws(ONNXError) in
            let kind = try kind(of: encoded)
            if encoded.hasRefAttrName, !encoded.refAttrName.isEmpty {
                guard presentKinds(encoded).isEmpty else {
                    throw ONNXError(
                        .invalidAttribute, "has a value and refers to another attribute; it can only do one")
                }
                return .parameter(encoded.refAttrName, kind)
            }
            switch kind {
            case .float: return .float(encoded.f)
            case .int: return .int(encoded.i)
            case .string: return .string([UInt8](encoded.s))
            case .floats: return .floats(encoded.floats)
            case .ints: return .ints(encoded.ints)
            case .strings: return .strings(encoded.strings.map { [UInt8]($0) })
            case .tensor: return .tensor(try tensor(try range(of: encoded.t)))
            case .tensors:
                return .tensors(
                    try encoded.tensors.map { (reference) throws(ONNXError) in try tensor(try range(of: reference)) })
            case .sparseTensor: return .sparseTensor(try sparseTensor(try range(of: encoded.sparseTensor)))
            case .sparseTensors:
                return .sparseTensors(
                    try encoded.sparseTensors.map { (reference) throws(ONNXError) in
                        try sparseTensor(try range(of: reference))
                    })
            case .graph: return .graph(try graph(try range(of: encoded.g), depth: depth + 1))
            case .graphs:
                return .graphs(
                    try encoded.graphs.map { (reference) throws(ONNXError) in
                        try graph(try range(of: reference), depth: depth + 1)
                    })
            case .type: return .type(try required(encoded.tp, "type attribute"))
            case .types:
                return .types(
                    try encoded.typeProtos.map { (type) throws(ONNXError) in try required(type, "type attribute") })
            }
        }
    }

    /// The kind that the attribute says it has, or, as the oldest files do not say it, that its value has.
    private func kind(of encoded: Heterodyne_Onnx_Attribute) throws(ONNXError) -> ONNXAttribute.Kind {
        let present = presentKinds(encoded)
        guard encoded.type != 0 else {
            guard present.count == 1, let only = present.first else {
                throw ONNXError(
                    .invalidAttribute, "does not say its kind and has \(present.count) values; export the model again")
            }
            return only
        }
        guard let kind = ONNXAttribute.Kind(rawValue: encoded.type) else {
            throw ONNXError(.invalidAttribute, "is of kind number \(encoded.type); numbers 1 to 14 are known")
        }
        guard present.isSubset(of: [kind]) else {
            throw ONNXError(
                .invalidAttribute,
                "says that it is of kind \(kind) and has a value of kind "
                    + present.subtracting([kind]).map(\.rawValue).sorted().map { "\($0)" }.joined(separator: ", "))
        }
        // Numbers and text that are zero or empty may be left out by writers; the rest has no default.
        let needsValue: Set<ONNXAttribute.Kind> = [.tensor, .graph, .sparseTensor, .type]
        guard !needsValue.contains(kind) || present.contains(kind) || !encoded.refAttrName.isEmpty else {
            throw ONNXError(.invalidAttribute, "is of kind \(kind) and has no value; the file is damaged")
        }
        return kind
    }

    /// The kinds of the values that are there.
    private func presentKinds(_ encoded: Heterodyne_Onnx_Attribute) -> Set<ONNXAttribute.Kind> {
        var kinds = Set<ONNXAttribute.Kind>()
        if encoded.hasF { kinds.insert(.float) }
        if encoded.hasI { kinds.insert(.int) }
        if encoded.hasS { kinds.insert(.string) }
        if encoded.hasT { kinds.insert(.tensor) }
        if encoded.hasG { kinds.insert(.graph) }
        if encoded.hasSparseTensor { kinds.insert(.sparseTensor) }
        if encoded.hasTp { kinds.insert(.type) }
        if !encoded.floats.isEmpty { kinds.insert(.floats) }
        if !encoded.ints.isEmpty { kinds.insert(.ints) }
        if !encoded.strings.isEmpty { kinds.insert(.strings) }
        if !encoded.tensors.isEmpty { kinds.insert(.tensors) }
        if !encoded.graphs.isEmpty { kinds.insert(.graphs) }
        if !encoded.sparseTensors.isEmpty { kinds.insert(.sparseTensors) }
        if !encoded.typeProtos.isEmpty { kinds.insert(.types) }
        return kinds
    }
}
