// Heterodyne: the cases of the ONNX suite that are no passes and no failures, and why.
// SPDX-License-Identifier: Apache-2.0

/// What of the suite is not computed, and what of it nobody can compare. Every entry was decided by a person.
public enum ONNXExceptions {
    /// Operators that have no meaning on tensors of numbers, with the reason why they are not imported. A case whose model
    /// has one and is refused for that is declined.
    public static let declinedOperators: [String: String] = [
        "ImageDecoder": "decodes JPEG, PNG, BMP, TIFF, WebP, JPEG 2000 and PNM files; decode images before the model"
    ]

    /// Cases whose expected outputs are not what a right implementation gives, with the reason.
    public static let notTests: [String: String] = [
        "node/test_bernoulli": random, "node/test_bernoulli_expanded": random, "node/test_bernoulli_double": random,
        "node/test_bernoulli_double_expanded": random, "node/test_bernoulli_seed": random,
        "node/test_bernoulli_seed_expanded": random,
    ]

    private static let random =
        "draws random numbers; the standard names no generator, so the stored draw of numpy's is no right answer"
}
