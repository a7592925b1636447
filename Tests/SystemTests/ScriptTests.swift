// The scripts around the machine: what they say of this computer, and the two guests' terminal.

import Foundation
import TestSupport
import Testing

@Suite struct ScriptTests {
    /// A folder of programs in the host's place, which do and print what the scripts say.
    private func programs(_ scripts: [String: String]) throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("swiftlet-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for (name, script) in scripts {
            let file = folder.appendingPathComponent(name)
            try "#!/bin/sh\n\(script)\n".write(to: file, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file.path)
        }
        return folder
    }

    private let path = ProcessInfo.processInfo.environment["PATH"] ?? ""

    @Test func testRunNamesWhatFailedAndWhatWasLeftOut() throws {
        let log = """
            ✔ Test one() passed after 0.1 seconds.
            ✔ Test two(x:) with 3 test cases passed after 0.1 seconds.
            ➜ Test three() skipped: "the moon is not full"
            ➜ Suite Four skipped: "no network"
            ➜ Test inFour() skipped: "no network"
            ✘ Test five() recorded an issue at F.swift:1:1: no
            ✘ Test five() failed after 0.1 seconds with 1 issue.
            ✘ Test run with 5 tests in 1 suite failed after 0.2 seconds with 1 issue.
            """
        let folder = try programs(["swift": "[ $1 = test ] || exit 0\ncat <<'E'\n\(log)\nE\nexit 1"])
        defer { try? FileManager.default.removeItem(at: folder) }
        let result = try runOnHost(
            ["Tests/run"],
            environment: ["PATH": "\(folder.path):\(path)", "LOG": folder.appendingPathComponent("log").path])
        #expect(result.status == 1)
        #expect(
            result.output.contains(
                """

                Not run:
                  three(): "the moon is not full"
                  inFour(): "no network"
                Failed:
                  five()
                2 of 5 tests passed; 1 failed, 2 not run

                """), "\(result.output)")
    }

    @Test(arguments: [
        ("dnf", "dnf install -y", ["qemu-system-riscv", "wireshark-cli"]),
        ("pacman", "pacman -S", ["qemu-system-riscv-firmware"]),
        ("brew", "brew install", ["riscv64-elf-gdb"]),
    ]) func doctorSpeaksOfThePackageManagerThatIsThere(manager: String, command: String, packages: [String]) throws {
        let folder = try programs([manager: ""])
        defer { try? FileManager.default.removeItem(at: folder) }
        // Nothing else but what the script itself needs.
        for tool in ["bash", "awk", "sed", "sort", "tr", "head", "id", "grep"] {
            let place = try runOnHost(["which", tool]).output.trimmingCharacters(in: .whitespacesAndNewlines)
            try FileManager.default.createSymbolicLink(atPath: folder.path + "/" + tool, withDestinationPath: place)
        }
        let result = try runOnHost(["/bin/bash", "qemu/tools", "doctor"], environment: ["PATH": folder.path])
        let line = try #require(
            result.output.split(separator: "\n").first { $0.hasPrefix("To install what is missing: ") })
        #expect(line.contains(command), "\(result.output)")
        for package in packages {
            #expect(line.split(whereSeparator: { " '".contains($0) }).contains(Substring(package)), "\(line)")
        }
        #expect(
            result.output.split(separator: "\n").filter { $0.contains(" install ") || $0.contains("pacman -S") }.count
                <= 2)
    }

    /// The firmware is where QEMU looks for it.
    @Test func qemuIsAskedForItsFirmware() throws {
        let folder = try programs(["qemu-system-riscv64": "[ \"$2\" = help ] && echo \"${0%/*}\""])
        defer { try? FileManager.default.removeItem(at: folder) }
        let environment = ["PATH": "\(folder.path):\(path)"]
        #expect(
            try runOnHost(["qemu/tools", "absent", "opensbi"], environment: environment).output.hasPrefix(
                "not installed: opensbi"))
        try Data().write(to: folder.appendingPathComponent("opensbi-riscv64-generic-fw_dynamic.bin"))
        #expect(try runOnHost(["qemu/tools", "absent", "opensbi"], environment: environment).output == "")
    }

    @Test func socketIsTheUsersOwn() throws {
        let user = getuid()
        let result = try runOnHost(["qemu/start", "--print"], environment: ["NET": "socket"])
        let address = "239.\(user >> 16 & 255).\(user >> 8 & 255).\(user & 255):\(17766 + (user >> 24))"
        #expect(result.output.contains("mcast=\(address)"), "\(result.output)")
    }

    /// Keys of a terminal that no process controls: they reach the guests at once, and end nothing but by Ctrl-\\.
    @Test func pairHandsCtrlCToTheGuestTypedToLastAndEndsWithCtrlBackslash() throws {
        let terminal = unsafe open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)  // the string's own bytes
        var number: CInt = 0
        // TIOCSPTLCK with 0 unlocks the other side, TIOCGPTN asks for its number; both take the place of an int.
        let unlocked = unsafe ioctl(terminal, UInt(0x4004_5431), &number)
        let named = unsafe ioctl(terminal, UInt(0x8004_5430), &number)
        try #require(terminal >= 0 && unlocked == 0 && named == 0)
        let name = "/dev/pts/\(number)"
        // the string's own bytes
        let other = unsafe open(name, O_RDWR | O_NOCTTY | O_CLOEXEC)
        defer { close(other) }
        // Each shows the keys that it gets, as octal numbers, as they come.
        let pair = try Child(
            [projectFolder.appendingPathComponent("build/tools/release/pair").path]
                + ["1", "2"].map { "\($0)=sh -c 'echo ready; stdbuf -i0 -o0 od -An -v -w1 -to1'" },
            input: .descriptor(other))
        var output = ""
        func wait(for text: String) {
            while !output.contains(text) {
                guard let bytes = Child.next(from: pair.output, seconds: Guest.patience), !bytes.isEmpty else { break }
                output += String(decoding: bytes, as: UTF8.self)
            }
            #expect(output.contains(text), "\(output)")
        }
        let keyboard = FileHandle(fileDescriptor: terminal, closeOnDealloc: true)
        func type(_ keys: String) { keyboard.write(Data(keys.utf8)) }
        wait(for: "1| ready\n")
        wait(for: "2| ready\n")
        type("2 a\n")
        wait(for: "2|  141\n2|  012\n")
        type("\u{03}")
        wait(for: "2|  003\n")
        type("1 \u{03}")
        wait(for: "1|  003\n")
        #expect(pair.isRunning && !output.contains("1|  141"))
        type("\u{1c}")
        #expect(pair.status(within: Guest.patience) == 130)
    }
}
