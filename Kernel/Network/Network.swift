import Drivers
import SystemInterface
enum Network {
    static func start(_ machine: borrowing MachineDescription) {}
    static func add(_ transport: VirtIOMMIO<MappedRegisters>, source: UInt32) throws(VirtIOError) {}
    static func interrupt(_ interface: Int) {}
}
