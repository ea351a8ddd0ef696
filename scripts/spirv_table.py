#!/usr/bin/env python3
"""Writes the numbers of the SPIR-V instructions and enumerants that the emitter uses, as a Swift file.

Usage: python3 scripts/spirv_table.py > Sources/HeterodyneKernelIR/SPIRV/Generated/SPIRVTables.swift

Reads the grammar that Debian's package spirv-headers installs (or the folder named in SPIRV_HEADERS). Only names and
numbers are taken from it, and only for the names listed here.
"""
import json
import os
import sys

FOLDER = os.environ.get("SPIRV_HEADERS", "/usr/include/spirv/unified1")

OPCODES = """Extension ExtInstImport ExtInst MemoryModel EntryPoint ExecutionMode ExecutionModeId Capability Name
Decorate MemberDecorate TypeVoid TypeBool TypeInt TypeFloat TypeVector TypeArray TypeRuntimeArray TypeStruct TypePointer
TypeFunction ConstantTrue ConstantFalse Constant ConstantComposite SpecConstantTrue SpecConstantFalse SpecConstant
SpecConstantComposite Function FunctionEnd Variable Load Store AccessChain CompositeConstruct CompositeExtract
ConvertFToU ConvertFToS ConvertSToF ConvertUToF UConvert SConvert FConvert ConvertUToPtr Bitcast SNegate FNegate IAdd
FAdd ISub FSub IMul FMul UDiv SDiv FDiv UMod IsNan IsInf LogicalEqual LogicalNotEqual LogicalOr LogicalAnd LogicalNot
Select IEqual INotEqual UGreaterThan SGreaterThan UGreaterThanEqual SGreaterThanEqual ULessThan SLessThan ULessThanEqual
SLessThanEqual FOrdEqual FUnordNotEqual FOrdLessThan FOrdGreaterThan FOrdLessThanEqual FOrdGreaterThanEqual
ShiftRightLogical ShiftRightArithmetic ShiftLeftLogical BitwiseOr BitwiseXor BitwiseAnd Not BitCount ControlBarrier
AtomicExchange AtomicCompareExchange AtomicIAdd AtomicSMin AtomicUMin AtomicSMax AtomicUMax AtomicAnd AtomicOr AtomicXor
AtomicFAddEXT Phi LoopMerge SelectionMerge Label Branch BranchConditional Return GroupNonUniformBroadcast
GroupNonUniformShuffle GroupNonUniformShuffleXor GroupNonUniformIAdd GroupNonUniformFAdd GroupNonUniformSMin
GroupNonUniformUMin GroupNonUniformFMin GroupNonUniformSMax GroupNonUniformUMax GroupNonUniformFMax MatrixTimesScalar
TypeImage ImageFetch
TypeCooperativeMatrixKHR CooperativeMatrixLoadKHR CooperativeMatrixStoreKHR CooperativeMatrixMulAddKHR""".split()

# What the grammars of older packages lack: the registry's numbers, and the operands that define or type a result.
LATER_OPCODES = {
    "TypeCooperativeMatrixKHR": (4456, ["IdResult"]),
    "CooperativeMatrixLoadKHR": (4457, ["IdResultType", "IdResult"]),
    "CooperativeMatrixStoreKHR": (4458, []),
    "CooperativeMatrixMulAddKHR": (4459, ["IdResultType", "IdResult"]),
}
LATER_CAPABILITIES = {"CooperativeMatrixKHR": 6022}

ENUMERANTS = {
    "Capability": """Shader Float16 Float64 Int64 Int64Atomics Int16 Int8 GroupNonUniform GroupNonUniformArithmetic
        GroupNonUniformBallot GroupNonUniformShuffle StorageBuffer16BitAccess StorageBuffer8BitAccess
        StoragePushConstant16 StoragePushConstant8 PhysicalStorageBufferAddresses DenormPreserve
        SignedZeroInfNanPreserve RoundingModeRTE AtomicFloat32AddEXT AtomicFloat64AddEXT VulkanMemoryModel
        CooperativeMatrixKHR SampledBuffer""",
    "Decoration": """SpecId Block ArrayStride BuiltIn Aliased NonWritable NonReadable Binding DescriptorSet Offset
        NoContraction""",
    "BuiltIn": """NumWorkgroups WorkgroupSize WorkgroupId LocalInvocationId GlobalInvocationId LocalInvocationIndex
        SubgroupSize NumSubgroups SubgroupId SubgroupLocalInvocationId""",
    "StorageClass": "UniformConstant Input Workgroup Private Function PushConstant StorageBuffer PhysicalStorageBuffer",
    "ExecutionMode": "LocalSize LocalSizeId DenormPreserve SignedZeroInfNanPreserve RoundingModeRTE",
}
GLSL = """RoundEven Trunc FAbs SAbs Floor Ceil Sqrt Fma FindUMsb""".split()


def lower(name):
    """lowerCamelCase that keeps runs of capitals readable: FAdd -> fAdd, SNegate -> sNegate."""
    return name[0].lower() + name[1:]


def swift_case(name):
    text = lower(name)
    return f"`{text}`" if text in ("extension", "return", "private", "switch", "default") else text


def enumeration(out, title, name, raw, pairs):
    out.append(f"/// {title}")
    out.append(f"enum {name}: {raw}, CaseIterable, Sendable {{")
    out += [f"    case {swift_case(case)} = {number}" for case, number in pairs]


def main():
    with open(os.path.join(FOLDER, "spirv.core.grammar.json")) as file:
        core = json.load(file)
    with open(os.path.join(FOLDER, "extinst.glsl.std.450.grammar.json")) as file:
        glsl = json.load(file)
    out = [
        "// Heterodyne: numbers of the SPIR-V instructions in use; written by scripts/spirv_table.py.",
        "// SPDX-License-Identifier: Apache-2.0",
        "",
    ]
    known = {i["opname"]: i for i in core["instructions"]}
    for name, (number, kinds) in LATER_OPCODES.items():
        known.setdefault("Op" + name, {"opcode": number, "operands": [{"kind": kind} for kind in kinds]})
    rows = [(name, known["Op" + name]) for name in OPCODES]
    enumeration(out, "Instructions of the SPIR-V core and of its extensions.", "Opcode", "UInt16",
                [(name, row["opcode"]) for name, row in rows])
    for field, kind, text in (("hasType", "IdResultType", "a result type follows the opcode"),
                              ("hasResult", "IdResult", "it defines an id")):
        out += ["", f"    /// Whether {text}.", f"    var {field}: Bool {{", "        switch self {"]
        without = [swift_case(name) for name, row in rows
                   if kind not in [o["kind"] for o in row.get("operands", [])]]
        out.append("        case " + ",\n            ".join("." + name.strip("`") for name in without) + ":")
        out += ["            false", "        default: true", "        }", "    }"]
    out.append("}")
    for kind, names in ENUMERANTS.items():
        members = next(k for k in core["operand_kinds"] if k["kind"] == kind)["enumerants"]
        values = (LATER_CAPABILITIES if kind == "Capability" else {}) | {m["enumerant"]: m["value"] for m in members}
        out.append("")
        enumeration(out, f"SPIR-V's {kind}.", "SPIRV" + kind, "UInt32", [(n, values[n]) for n in names.split()])
        out.append("}")
    values = {i["opname"]: i["opcode"] for i in glsl["instructions"]}
    out.append("")
    enumeration(out, "Instructions of GLSL.std.450.", "GLSLInstruction", "UInt32", [(n, values[n]) for n in GLSL])
    out.append("}")
    print("\n".join(out))


if __name__ == "__main__":
    sys.exit(main())
