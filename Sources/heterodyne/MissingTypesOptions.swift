// Heterodyne: missing scalar types in `heterodyne conformance`.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Heterodyne
import HeterodyneConformance

/// What is hidden of the devices that are measured, and what stands in.
struct MissingTypesOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            Hide scalar types of the devices, as if they had none: float64,bfloat16. 'float64/compute' leaves a device \
            able to hold and move the type, 'float64/exp' hides one primitive. Only cases that touch such types run.
            """, valueName: "types"))
    var mask = ""

    @Option(
        name: .customLong("types"),
        help: ArgumentHelp(
            """
            What happens where a type is hidden: fallback (to any other device), emulate, demote or error, for all types \
            or by type: float64=emulate,int64=error. Without it float64 falls back and the others are emulated. A case \
            that the rule 'error' refuses with an error that names node and type is as it should be.
            """, valueName: "policy"))
    var types = ""

    func validate() throws {
        _ = try scalarTypePolicy(types)
        _ = try masks()
    }

    /// What is hidden.
    func masks() throws -> [TypeMask] {
        do { return try mask.split(separator: ",").map { try TypeMask(parsing: $0) } } catch let error as BackendError {
            throw ValidationError("--mask: \(error.message)")
        }
    }

    /// The conditions for a device.
    func conditions(of device: Device) throws -> MissingTypes {
        let (masks, policy) = (try masks(), try scalarTypePolicy(types))
        let needsOthers = masks.contains { policy[$0.type] == .fallback }
        return MissingTypes(
            masks: masks, policy: policy, fallbacks: needsOthers ? Device.all.filter { $0 != device } : [])
    }

    /// The arguments that say the same, for a process of its own.
    var arguments: [String] { (mask.isEmpty ? [] : ["--mask", mask]) + (types.isEmpty ? [] : ["--types", types]) }
}
