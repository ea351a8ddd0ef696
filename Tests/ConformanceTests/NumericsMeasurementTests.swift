// Heterodyne: devices' arithmetic as measured, and that what is worse than declared is found.
// SPDX-License-Identifier: Apache-2.0

import Heterodyne
import HeterodyneConformance
import Testing

@Suite("Measured numerics")
struct NumericsMeasurementTests {
    /// All but float32, int32 and what else is wanted: the fewer programs, the quicker.
    private static func narrowed(_ device: Device, keeping kept: Set<ScalarType> = []) -> Device {
        let masked = ScalarType.allCases.filter {
            $0.isArithmetic && $0 != .float32 && $0 != .int32 && !kept.contains($0)
        }
        return device.masking(masked.map { TypeMask($0, TypeMask.compute) })
    }

    private static func measured(_ device: Device, samples: Int = 64) throws -> NumericsMeasurement {
        let oracle = try #require(Runtime.shared.evaluator)
        return try NumericsMeasurement(of: device, oracle: oracle, sampleCount: samples)
    }

    @Test("Every device is as it declares, and every elementwise primitive is measured", arguments: Device.all)
    func devices(device: Device) throws {
        let measurement = try Self.measured(Self.narrowed(device, keeping: [.bfloat16, .uint32]))
        #expect(
            measurement.isAsDeclared,
            "\(measurement.errors.filter(\.isWorse)) \(measurement.findings.filter(\.isWorse)) \(measurement.problems)")
        let names = Set(measurement.errors.filter { $0.scalarType == .float32 && !$0.isComposite }.map(\.operation))
        for op in UnaryOperator.allCases { #expect(names.contains(op.rawValue)) }
        for op in BinaryOperator.allCases where op.takes(.float32) { #expect(names.contains(op.rawValue)) }
        let claims = try device.capabilities().claims
        for row in measurement.errors where row.isComposite { #expect(claims.contains(row.operation)) }
        for row in measurement.errors { #expect(row.sampleCount > 0 && row.measured >= 0) }
        let subjects = Set(measurement.findings.map(\.subject))
        #expect(subjects.isSuperset(of: ["denormals", "ties", "NaN", "contraction", "integer edges"]))
        #expect(measurement.findings.contains { $0.subject == "float64 as pairs of float32" && $0.measured == "hold" })
        // Functions are not exact: an error of zero would be one of measuring.
        let exp = try #require(measurement.errors.first { $0.operation == "exp" && $0.scalarType == .float32 })
        #expect(exp.measured > 0.1 && exp.worstOperands.count == 1)
        // Masked types are not computed in.
        #expect(measurement.errors.allSatisfy { $0.scalarType == .float32 || $0.scalarType == .bfloat16 })
    }

    @Test("float64 is measured by residues: rounding shows as half a unit, and no more")
    func wide() throws {
        let reference = try Device("reference").masking(.float32, .float16, .bfloat16)
        let measurement = try Self.measured(reference, samples: 256)
        for name in ["add", "multiply", "divide", "sqrt"] {
            let row = try #require(measurement.errors.first { $0.operation == name && $0.scalarType == .float64 })
            #expect(row.measured > 0.3 && row.measured <= 0.5, "\(row)")
        }
    }

    @Test(
        "A fault is found, and told where it is",
        arguments: [
            (Fault.none, nil, nil), (.lastBit, "add", nil), (.coarse, "multiply", nil), (.dropsNaN, nil, "NaN"),
            (.flushes, nil, "denormals"),
        ] as [(Fault, String?, String?)])
    func faults(fault: Fault, operation: String?, subject: String?) throws {
        let measurement = try Self.measured(Self.narrowed(Saboteur.device(fault)))
        #expect(measurement.isAsDeclared == (fault == .none))
        if let operation {
            let row = try #require(measurement.errors.first { $0.operation == operation })
            #expect(row.isWorse && row.measured > row.declared && !row.worstOperands.isEmpty, "\(row)")
        }
        if let subject { #expect(measurement.findings.contains { $0.subject == subject && $0.isWorse }) }
        #expect(measurement.problems.isEmpty)
    }

    @Test("A device that fails is no device that is as declared")
    func failure() throws {
        let measurement = try Self.measured(Self.narrowed(Saboteur.device(.breaksDown)))
        #expect(!measurement.isAsDeclared && measurement.problems.contains { $0.contains("smoke") })
    }
}
