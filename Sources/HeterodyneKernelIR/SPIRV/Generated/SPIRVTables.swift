// Heterodyne: numbers of the SPIR-V instructions in use; written by scripts/spirv_table.py.
// SPDX-License-Identifier: Apache-2.0

/// Instructions of the SPIR-V core and of its extensions.
enum Opcode: UInt16, CaseIterable, Sendable {
    case `extension` = 10
    case extInstImport = 11
    case extInst = 12
    case memoryModel = 14
    case entryPoint = 15
    case executionMode = 16
    case executionModeId = 331
    case capability = 17
    case name = 5
    case decorate = 71
    case memberDecorate = 72
    case typeVoid = 19
    case typeBool = 20
    case typeInt = 21
    case typeFloat = 22
    case typeVector = 23
    case typeArray = 28
    case typeRuntimeArray = 29
    case typeStruct = 30
    case typePointer = 32
    case typeFunction = 33
    case constantTrue = 41
    case constantFalse = 42
    case constant = 43
    case constantComposite = 44
    case specConstantTrue = 48
    case specConstantFalse = 49
    case specConstant = 50
    case specConstantComposite = 51
    case function = 54
    case functionEnd = 56
    case variable = 59
    case load = 61
    case store = 62
    case accessChain = 65
    case compositeConstruct = 80
    case compositeExtract = 81
    case convertFToU = 109
    case convertFToS = 110
    case convertSToF = 111
    case convertUToF = 112
    case uConvert = 113
    case sConvert = 114
    case fConvert = 115
    case convertUToPtr = 120
    case bitcast = 124
    case sNegate = 126
    case fNegate = 127
    case iAdd = 128
    case fAdd = 129
    case iSub = 130
    case fSub = 131
    case iMul = 132
    case fMul = 133
    case uDiv = 134
    case sDiv = 135
    case fDiv = 136
    case uMod = 137
    case isNan = 156
    case isInf = 157
    case logicalEqual = 164
    case logicalNotEqual = 165
    case logicalOr = 166
    case logicalAnd = 167
    case logicalNot = 168
    case select = 169
    case iEqual = 170
    case iNotEqual = 171
    case uGreaterThan = 172
    case sGreaterThan = 173
    case uGreaterThanEqual = 174
    case sGreaterThanEqual = 175
    case uLessThan = 176
    case sLessThan = 177
    case uLessThanEqual = 178
    case sLessThanEqual = 179
    case fOrdEqual = 180
    case fUnordNotEqual = 183
    case fOrdLessThan = 184
    case fOrdGreaterThan = 186
    case fOrdLessThanEqual = 188
    case fOrdGreaterThanEqual = 190
    case shiftRightLogical = 194
    case shiftRightArithmetic = 195
    case shiftLeftLogical = 196
    case bitwiseOr = 197
    case bitwiseXor = 198
    case bitwiseAnd = 199
    case not = 200
    case bitCount = 205
    case controlBarrier = 224
    case atomicExchange = 229
    case atomicCompareExchange = 230
    case atomicIAdd = 234
    case atomicSMin = 236
    case atomicUMin = 237
    case atomicSMax = 238
    case atomicUMax = 239
    case atomicAnd = 240
    case atomicOr = 241
    case atomicXor = 242
    case atomicFAddEXT = 6035
    case phi = 245
    case loopMerge = 246
    case selectionMerge = 247
    case label = 248
    case branch = 249
    case branchConditional = 250
    case `return` = 253
    case groupNonUniformBroadcast = 337
    case groupNonUniformShuffle = 345
    case groupNonUniformShuffleXor = 346
    case groupNonUniformIAdd = 349
    case groupNonUniformFAdd = 350
    case groupNonUniformSMin = 353
    case groupNonUniformUMin = 354
    case groupNonUniformFMin = 355
    case groupNonUniformSMax = 356
    case groupNonUniformUMax = 357
    case groupNonUniformFMax = 358
    case matrixTimesScalar = 143
    case typeImage = 25
    case imageFetch = 95
    case typeCooperativeMatrixKHR = 4456
    case cooperativeMatrixLoadKHR = 4457
    case cooperativeMatrixStoreKHR = 4458
    case cooperativeMatrixMulAddKHR = 4459

    /// Whether a result type follows the opcode.
    var hasType: Bool {
        switch self {
        case .extension,
            .extInstImport,
            .memoryModel,
            .entryPoint,
            .executionMode,
            .executionModeId,
            .capability,
            .name,
            .decorate,
            .memberDecorate,
            .typeVoid,
            .typeBool,
            .typeInt,
            .typeFloat,
            .typeVector,
            .typeArray,
            .typeRuntimeArray,
            .typeStruct,
            .typePointer,
            .typeFunction,
            .functionEnd,
            .store,
            .controlBarrier,
            .loopMerge,
            .selectionMerge,
            .label,
            .branch,
            .branchConditional,
            .return,
            .typeImage,
            .typeCooperativeMatrixKHR,
            .cooperativeMatrixStoreKHR:
            false
        default: true
        }
    }

    /// Whether it defines an id.
    var hasResult: Bool {
        switch self {
        case .extension,
            .memoryModel,
            .entryPoint,
            .executionMode,
            .executionModeId,
            .capability,
            .name,
            .decorate,
            .memberDecorate,
            .functionEnd,
            .store,
            .controlBarrier,
            .loopMerge,
            .selectionMerge,
            .branch,
            .branchConditional,
            .return,
            .cooperativeMatrixStoreKHR:
            false
        default: true
        }
    }
}

/// SPIR-V's Capability.
enum SPIRVCapability: UInt32, CaseIterable, Sendable {
    case shader = 1
    case float16 = 9
    case float64 = 10
    case int64 = 11
    case int64Atomics = 12
    case int16 = 22
    case int8 = 39
    case groupNonUniform = 61
    case groupNonUniformArithmetic = 63
    case groupNonUniformBallot = 64
    case groupNonUniformShuffle = 65
    case storageBuffer16BitAccess = 4433
    case storageBuffer8BitAccess = 4448
    case storagePushConstant16 = 4435
    case storagePushConstant8 = 4450
    case physicalStorageBufferAddresses = 5347
    case denormPreserve = 4464
    case signedZeroInfNanPreserve = 4466
    case roundingModeRTE = 4467
    case atomicFloat32AddEXT = 6033
    case atomicFloat64AddEXT = 6034
    case vulkanMemoryModel = 5345
    case cooperativeMatrixKHR = 6022
    case sampledBuffer = 46
}

/// SPIR-V's Decoration.
enum SPIRVDecoration: UInt32, CaseIterable, Sendable {
    case specId = 1
    case block = 2
    case arrayStride = 6
    case builtIn = 11
    case aliased = 20
    case nonWritable = 24
    case nonReadable = 25
    case binding = 33
    case descriptorSet = 34
    case offset = 35
    case noContraction = 42
}

/// SPIR-V's BuiltIn.
enum SPIRVBuiltIn: UInt32, CaseIterable, Sendable {
    case numWorkgroups = 24
    case workgroupSize = 25
    case workgroupId = 26
    case localInvocationId = 27
    case globalInvocationId = 28
    case localInvocationIndex = 29
    case subgroupSize = 36
    case numSubgroups = 38
    case subgroupId = 40
    case subgroupLocalInvocationId = 41
}

/// SPIR-V's StorageClass.
enum SPIRVStorageClass: UInt32, CaseIterable, Sendable {
    case uniformConstant = 0
    case input = 1
    case workgroup = 4
    case `private` = 6
    case function = 7
    case pushConstant = 9
    case storageBuffer = 12
    case physicalStorageBuffer = 5349
}

/// SPIR-V's ExecutionMode.
enum SPIRVExecutionMode: UInt32, CaseIterable, Sendable {
    case localSize = 17
    case localSizeId = 38
    case denormPreserve = 4459
    case signedZeroInfNanPreserve = 4461
    case roundingModeRTE = 4462
}

/// Instructions of GLSL.std.450.
enum GLSLInstruction: UInt32, CaseIterable, Sendable {
    case roundEven = 2
    case trunc = 3
    case fAbs = 4
    case sAbs = 5
    case floor = 8
    case ceil = 9
    case sqrt = 31
    case fma = 50
    case findUMsb = 75
}
