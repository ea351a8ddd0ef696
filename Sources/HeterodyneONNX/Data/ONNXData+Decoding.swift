// Heterodyne: values from files of their own.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

extension ONNXData {
    /// Reads the value in the file at `path`: an encoded TensorProto, SparseTensorProto, SequenceProto or OptionalProto,
    /// as `type` asks for; without a type, a TensorProto. The type decides only which of these the file is read as: the
    /// files do not say it themselves. Sparse tensors are written out.
    ///
    /// Throws `ONNXError` for anything that is not such a file. Elements of tensors may be used in place in the mapped
    /// file, so replace files by renaming.
    public static func load(
        _ path: String, as type: ONNXType? = nil, limits: ONNXLimits = ONNXLimits()
    ) throws(ONNXError) -> ONNXData {
        do throws(ONNXError) {
            let file = try DataFile(path: path, limit: limits.fileBytes)
            let folder = ExternalFolder(path: path.lastIndex(of: "/").map { String(path[...$0]) } ?? ".")
            return try read(file, folder, type, limits)
        } catch {
            var named = error
            named.path = path
            throw named
        }
    }

    /// Reads a value that is in memory; see `load`.
    public static func decode(
        _ contents: [UInt8], as type: ONNXType? = nil, limits: ONNXLimits = ONNXLimits()
    ) throws(ONNXError) -> ONNXData {
        guard contents.count <= limits.fileBytes else { throw DataFile.tooLarge(contents.count, limits.fileBytes) }
        return try read(DataFile(copying: contents), nil, type, limits)
    }

    private static func read(
        _ file: DataFile, _ folder: ExternalFolder?, _ type: ONNXType?, _ limits: ONNXLimits
    ) throws(ONNXError) -> ONNXData {
        let form: DataForm
        switch type {
        case .tensor, nil: form = .tensor
        case .sparseTensor: form = .sparseTensor
        case .sequence: form = .sequence
        case .optional: form = .optional
        case .map: form = .map
        case .opaque:
            throw ONNXError(.unsupportedType, "values of opaque types have no file format")
        }
        defer { withExtendedLifetime(file) {} }
        let reader = ModelReader(file, folder, limits)
        var sparseBytes = max(0, limits.extraBytes)
        return try reader.data(form, 0..<file.bytes.count, depth: 0, sparseBytes: &sparseBytes)
    }
}

/// The messages that values are encoded as. Raw values are the format's numbers for them.
enum DataForm: UInt64 {
    case tensor = 1
    case sparseTensor = 2
    case sequence = 3
    case map = 4
    case optional = 5

    /// The field of a SequenceProto that holds elements of this form; an OptionalProto has the same fields.
    var field: Int { Int(rawValue) + 2 }
}

extension ModelReader {
    /// The value of `form` at `range`, `depth` values within others. `sparseBytes` is what sparse tensors may still take
    /// when they are written out.
    func data(
        _ form: DataForm, _ range: Range<Int>, depth: Int, sparseBytes: inout Int
    ) throws(ONNXError) -> ONNXData {
        guard depth <= limits.typeDepth else {
            throw ONNXError(.limitExceeded, "values lie more than \(limits.typeDepth) deep within each other")
        }
        // As it is kept; lists grow by doubling.
        try charge(256)
        switch form {
        case .tensor: return try tensor(range).data()
        case .sparseTensor:
            let sparse = try sparseTensor(range)
            let literal = try sparse.literal(byteLimit: sparseBytes)
            sparseBytes -= literal.type.scalarType.byteCount(of: sparse.elementCount) ?? 0
            return .tensor(sparse.values.elementType, literal)
        case .map: throw ONNXError(.unsupportedType, "is a dictionary, which models cannot compute with here")
        case .sequence:
            var elements: [ONNXData] = []
            try forEachElement(range, "sequence") { (element, contents) throws(ONNXError) in
                let number = elements.count
                elements.append(
                    try within("element \(number)") { () throws(ONNXError) in
                        try data(element, contents, depth: depth + 1, sparseBytes: &sparseBytes)
                    })
            }
            return .sequence(elements)
        case .optional:
            var value: ONNXData?
            try forEachElement(range, "optional") { (element, contents) throws(ONNXError) in
                guard value == nil else { throw ONNXError(.malformed, "an optional has two values; it can have one") }
                value = try within("its value") { () throws(ONNXError) in
                    try data(element, contents, depth: depth + 1, sparseBytes: &sparseBytes)
                }
            }
            return .optional(value)
        }
    }

    /// The values in the sequence or optional at `range`, which must be of the form that it says they have.
    private func forEachElement(
        _ range: Range<Int>, _ owner: String, _ body: (DataForm, Range<Int>) throws(ONNXError) -> Void
    ) throws(ONNXError) {
        var declared: UInt64?
        var found: DataForm?
        var reader = WireReader(file.bytes, range)
        while let field = try reader.next() {
            switch field.number {
            case 2:
                guard case .varint(let number) = field.value, declared == nil else {
                    throw ONNXError(.malformed, "the kind of a \(owner) is not one number; the file is damaged")
                }
                declared = number
            case 3...7:
                guard let form = DataForm(rawValue: UInt64(field.number - 2)) else { continue }
                guard found == nil || found == form else {
                    throw ONNXError(.malformed, "a \(owner) has values of several kinds; the file is damaged")
                }
                found = form
                try body(form, try field.contents())
            default: break
            }
        }
        // Number 0 stands for values whose kind is not said.
        if let declared, declared != 0 {
            guard let form = DataForm(rawValue: declared), found == nil || found == form else {
                throw ONNXError(
                    .malformed, "a \(owner) says that its values are of kind number \(declared), and they are not")
            }
        }
    }
}
