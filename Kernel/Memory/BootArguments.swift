// The boot arguments (QEMU's -append): what they say to the kernel, and word by word for /init, which gets all of them as
// its arguments. Drivers/Bus/BootOptions.swift has the grammar.

import Drivers
import Storage

enum BootArguments {
    private static let text = BootValue<DeviceTreeBytes>()
    private static let parsed = BootValue<BootOptions>()

    /// Reads the text, which stays where it is. Once, during start-up.
    static func start(_ arguments: DeviceTreeBytes?) {
        parsed.start(BootOptions(arguments))
        if let arguments { text.start(arguments) }
    }

    static var options: BootOptions { parsed.value }

    /// Calls `body` with each word.
    static func forEachWord(_ body: (RawSpan) -> Void) {
        guard text.isSet else { return }
        // the text stays as long as the kernel
        text.value.forEachWord { body(unsafe RawSpan(_unsafeStart: $0.pointer, byteCount: $0.count)) }
    }

    /// Says which words have no effect, and why.
    static func report() {
        guard text.isSet, options.refused != 0 else { return }
        var number: UInt64 = 0
        text.value.forEachWord { word in
            if number < 64, options.refused >> number & 1 != 0 {
                kprint("boot argument \(shown: word) has no effect: \(BootOptions.syntax(of: word))\n")
            }
            number += 1
        }
    }
}

extension KernelMessage.StringInterpolation {
    /// Up to 40 bytes of a text from outside; what is not printable as a question mark.
    fileprivate mutating func appendInterpolation(shown text: DeviceTreeBytes) {
        for index in 0..<min(40, text.count) {
            let byte = text[index] ?? 0
            appendInterpolation(character: byte > 0x20 && byte < 0x7f ? byte : 0x3f)
        }
    }
}
