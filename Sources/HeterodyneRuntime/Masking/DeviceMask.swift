// Heterodyne: scalar types that are hidden of a device, so that what happens without them can be seen anywhere.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneBackend
public import HeterodyneGraph

/// What is hidden of one scalar type of a device.
public struct TypeMask: Sendable, Hashable, Codable {
    /// How much is hidden.
    public enum Extent: Sendable, Hashable, Codable {
        /// Everything: the device cannot even hold the type.
        case everything
        /// These usages; the others stay.
        case usages(ScalarUsage)
        /// One primitive.
        case primitive(PrimitiveCode)
    }

    /// The type.
    public var type: ScalarType
    /// How much is hidden.
    public var extent: Extent

    /// A mask.
    public init(_ type: ScalarType, _ extent: Extent = .everything) {
        self.type = type
        self.extent = extent
    }

    /// Everything but storage: the device holds and moves the type.
    public static let compute: Extent = .usages([
        .convert, .arithmetic, .dot, .accumulate, .atomicAdd, .matrixEngine,
    ])

    /// A mask as text: `float64`, `float64/compute` (holds and moves it), `float64/dot` (a usage) or `float64/exp` (a
    /// primitive). Throws `invalidArgument` naming what is not understood.
    public init(parsing text: some StringProtocol) throws(BackendError) {
        let parts: [String] = text.split(separator: Character("/"), maxSplits: 1, omittingEmptySubsequences: false)
            .map { String($0) }
        guard let name = parts.first, let type = ScalarType(name: name), type != ScalarType.bool else {
            let types = ScalarType.allCases.filter { $0 != .bool }.map(\.name).joined(separator: ", ")
            throw BackendError(
                .invalidArgument, "'\(text)' names no scalar type that can be masked; there are \(types)")
        }
        guard parts.count == 2 else {
            self.init(type)
            return
        }
        let usages: [String: ScalarUsage] = [
            "convert": .convert, "arithmetic": .arithmetic, "dot": .dot, "accumulate": .accumulate,
            "atomicAdd": .atomicAdd, "matrixEngine": .matrixEngine,
        ]
        if parts[1] == "compute" {
            self.init(type, Self.compute)
        } else if let usage = usages[parts[1]] {
            self.init(type, .usages(usage))
        } else if let primitive = PrimitiveCode(name: parts[1]) {
            self.init(type, .primitive(primitive))
        } else {
            throw BackendError(
                .invalidArgument,
                "'\(parts[1])' in '\(text)' is neither 'compute' nor a primitive nor a usage: "
                    + usages.keys.sorted().joined(separator: ", "))
        }
    }
}

extension TypeMask: CustomStringConvertible {
    /// The form that `init(parsing:)` reads.
    public var description: String {
        switch extent {
        case .everything: type.name
        case .primitive(let code): "\(type.name)/\(code.name)"
        case Self.compute: "\(type.name)/compute"
        case .usages(let usages): usages.names.map { "\(type.name)/\($0)" }.joined(separator: ",")
        }
    }
}

/// What is hidden of one device, or of all.
public struct DeviceMask: Sendable, Hashable, Codable {
    /// The device's identifier, or its backend's name; nil for every device.
    public var device: String?
    /// What is hidden.
    public var types: [TypeMask]

    /// A mask.
    public init(device: String?, types: [TypeMask]) {
        self.device = device
        self.types = types
    }

    /// Whether the mask is one of this device.
    public func covers(_ id: String, backend: String) -> Bool { device == nil || device == id || device == backend }

    /// Masks as text, the form of `HETERODYNE_MASK`: `vulkan:0:float64,bfloat16` hides two types of one device, `*:int64` one of
    /// every device; several masks are separated by semicolons. Throws `invalidArgument` naming what is not understood.
    public static func parse(_ text: String) throws(BackendError) -> [DeviceMask] {
        var masks: [DeviceMask] = []
        for part in text.split(separator: ";") {
            // A device's identifier may hold colons, a scalar type never does.
            guard let colon = part.lastIndex(of: ":"), colon != part.startIndex else {
                throw BackendError(
                    .invalidArgument, "'\(part)' is no mask; write DEVICE:TYPE,TYPE, for instance vulkan:0:float64")
            }
            let device = String(part[..<colon])
            var types: [TypeMask] = []
            for type in part[part.index(after: colon)...].split(separator: ",") {
                types.append(try TypeMask(parsing: type))
            }
            guard !types.isEmpty else {
                throw BackendError(.invalidArgument, "'\(part)' masks no type; write DEVICE:TYPE,TYPE")
            }
            masks.append(DeviceMask(device: device == "*" ? nil : device, types: types))
        }
        return masks
    }
}
