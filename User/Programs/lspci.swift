// lspci: what is on the PCI bus.

import SystemInterface
import UserLibrary

@main enum ListPCI: Program {
    static let usage: StaticString = """
        usage: lspci [-v]
        Lists the functions on the PCI bus: bus:device.function, class, vendor:device, and the name if it is known.
        With -v also the subsystem, the interrupt, and where ports and memory lie. Nothing is printed on a machine without PCI.
        """
    static let options: StaticString? = "v"

    static func run(_ arguments: Arguments) -> Int32 {
        let isVerbose = arguments.has("v")
        arguments.expectNone()
        do throws(SystemError) {
            var index = 0
            while let function = try System.pciFunction(index) {
                index += 1
                show(function)
                if isVerbose { showDetails(function) }
            }
            return 0
        } catch {
            fail("\(error)")
        }
    }

    private static func show(_ function: PCIReport) {
        let place: Text =
            "\(hex: UInt64(function.bus), digits: 2):\(hex: UInt64(function.device), digits: 2).\(UInt64(function.function))"
        let identity: Text = "\(hex: UInt64(function.vendorID), digits: 4):\(hex: UInt64(function.deviceID), digits: 4)"
        print(
            "\(place) \(className(function.classCode >> 8)): \(identity) \(name(function.vendorID, function.deviceID)) (rev \(hex: UInt64(function.revision), digits: 2))"
        )
    }

    private static func showDetails(_ function: PCIReport) {
        if function.subsystemVendorID != 0 {
            print(
                "        Subsystem: \(hex: UInt64(function.subsystemVendorID), digits: 4):\(hex: UInt64(function.subsystemID), digits: 4)"
            )
        }
        if function.isForISA { print("        Left to the ISA attachment (isa= in the boot arguments)") }
        if function.pin == 0, function.source != 0 {
            print("        Interrupt: messages (MSI-X), irq \(UInt64(function.source))")
        }
        if function.pin != 0 {
            var pin = Text()
            pin.bytes.append(64 + function.pin)
            print("        Interrupt: pin \(pin) routed to irq \(UInt64(function.source))")
        }
        for i in 0..<6 {
            let base = function[i]
            guard base.kind != 0 else { continue }
            guard base.address != 0 else {
                print("        Region \(i): no room for \(base.byteCount) bytes")
                continue
            }
            if base.kind == 1 {
                print("        Region \(i): I/O ports at \(hex: base.address, digits: 4) [size=\(base.byteCount)]")
            } else {
                let width: StaticString = base.kind == 3 ? "64-bit" : "32-bit"
                let kind: StaticString = base.isPrefetchable ? "prefetchable" : "non-prefetchable"
                print(
                    "        Region \(i): Memory at \(hex: base.address, digits: 8) (\(width), \(kind)) [size=\(base.byteCount)]"
                )
            }
        }
    }

    /// Base class and subclass (PCI Code and ID Assignment 1.11).
    private static func className(_ code: UInt32) -> StaticString {
        switch code {
        case 0x0100: "SCSI storage controller"
        case 0x0106: "SATA controller"
        case 0x0200: "Ethernet controller"
        case 0x0300: "VGA compatible controller"
        case 0x0600: "Host bridge"
        case 0x0604: "PCI bridge"
        case 0x0c03: "USB controller"
        case 0x00ff: "Unclassified device"
        default: "Device"
        }
    }

    private static func name(_ vendor: UInt16, _ device: UInt16) -> StaticString {
        switch (vendor, device) {
        case (0x1af4, 0x1000), (0x1af4, 0x1041): "Virtio network device"
        case (0x1af4, 0x1001), (0x1af4, 0x1042): "Virtio block device"
        case (0x1af4, 0x1005), (0x1af4, 0x1044): "Virtio RNG"
        case (0x10ec, 0x8029): "Realtek RTL-8029(AS)"
        case (0x10ec, 0x8139): "Realtek RTL-8139"
        case (0x1b36, 0x0008): "QEMU PCIe host bridge"
        case (0x1b36, 0x0001): "QEMU PCI-PCI bridge"
        case (0x1b36, 0x000c): "QEMU PCIe root port"
        case (0x1b36, 0x000e): "QEMU PCIe-to-PCI bridge"
        case (0x8086, 0x100e): "Intel 82540EM"
        default: "unknown"
        }
    }
}
