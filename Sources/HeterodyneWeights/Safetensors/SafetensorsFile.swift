// Heterodyne: reading safetensors files.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// An open safetensors file. Its tensors are literals that point into the mapped file: opening reads the header only, and
/// taking a tensor copies nothing.
///
/// Data may begin at any byte; files that the usual writers make are aligned. A tensor whose data is not aligned to its
/// element size in memory is copied when it is taken, so that kernels may load elements directly. Literals keep the
/// mapping alive.
///
/// Everything in the header is checked when the file is opened (the format's specification, and beyond it: duplicate names
/// are refused). Names that are canonically equivalent Unicode count as equal.
public struct SafetensorsFile: WeightSource {
    /// The file.
    public let file: MappedFile
    private let header: SafetensorsHeader

    /// Opens the file at `path` and checks its header.
    public init(path: String, access: MappedFile.Access = .mapped) throws(WeightsError) {
        try self.init(MappedFile(path: path, access: access))
    }

    /// Checks the header of an open file.
    public init(_ file: MappedFile) throws(WeightsError) {
        defer { withExtendedLifetime(file) {} }
        self.file = file
        header = try SafetensorsHeader(file.bytes, path: file.path)
    }

    /// The names, in the order of the data.
    public var names: [String] { header.entries.map(\.name) }

    /// The free-form `__metadata__` of the file.
    public var metadata: [String: String] { header.metadata }

    /// Whether there is a tensor of that name.
    public func contains(_ name: String) -> Bool { header.indices[name] != nil }

    /// Element type and shape of a tensor. Throws `missingTensor`, or `unsupportedType` for an element type of the format
    /// that `ScalarType` does not have (the other tensors of the file stay readable).
    public func tensorType(named name: String) throws(WeightsError) -> TensorType {
        let entry = try entry(name)
        guard let scalarType = entry.elementType.scalarType else {
            throw WeightsError(
                .unsupportedType,
                "has elements of type \(entry.elementType.rawValue), which is not supported; convert it",
                path: file.path, tensor: name)
        }
        return TensorType(scalarType, entry.shape)
    }

    /// A tensor. Truth values are checked to be 0 or 1 and throw `corruptData` otherwise.
    public func tensor(named name: String) throws(WeightsError) -> Literal {
        let type = try tensorType(named: name)
        let range = try entry(name).range
        if type.scalarType == .bool { try checkBools(file.bytes, range, path: file.path, tensor: name) }
        return try literal(type, file.storage(range, alignment: type.scalarType.bitWidth / 8), file.path, tensor: name)
    }

    /// Where the data of a tensor is in the file, for instance for `MappedFile.adviseWillNeed`. Throws `missingTensor`.
    public func byteRange(named name: String) throws(WeightsError) -> Range<Int> { try entry(name).range }

    /// Drops the resident pages of a tensor whose data a backend keeps in its own form by now. The tensor stays readable.
    /// Throws `missingTensor`.
    public func releasePages(named name: String) throws(WeightsError) { file.release(try entry(name).range) }

    private func entry(_ name: String) throws(WeightsError) -> SafetensorsHeader.Entry {
        guard let index = header.indices[name] else { throw missingTensor(name, among: names, path: file.path) }
        return header.entries[index]
    }
}

/// Throws `corruptData` where a byte of `range` is no truth value.
func checkBools(
    _ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, path: String, tensor: String?
) throws(WeightsError) {
    let elements = UnsafeRawBufferPointer(rebasing: bytes[range])
    guard let index = elements.firstInvalidBool() else { return }
    throw WeightsError(
        .corruptData, "is boolean and element \(index) is the byte \(elements[index]); only 0 and 1 are truth values",
        path: path, tensor: tensor)
}

/// A literal, with the graph's errors turned into this module's.
func literal(
    _ type: TensorType, _ storage: LiteralStorage, _ path: String, tensor: String?
) throws(WeightsError) -> Literal {
    do throws(GraphError) {
        try type.validate()
        return try Literal(type: type, storage: storage)
    } catch {
        throw WeightsError(.invalidShape, error.message, path: path, tensor: tensor)
    }
}
