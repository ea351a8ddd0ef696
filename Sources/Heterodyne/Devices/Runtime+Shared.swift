public import HeterodyneRuntime
extension Runtime {
    public static let shared = Runtime(registry: DeviceRegistry([]), evaluator: nil)
}
