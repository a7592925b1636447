// `make toolchain`, against a stand-in of swift.org's: what is asked, fetched, checked and left where.

import Foundation
import TestSupport
import Testing

@Suite struct ToolchainTests {
    /// A checkout with the scripts alone, a home, and the archive that the stand-in gives.
    private struct Place: ~Copyable {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("swiftlet-\(UUID().uuidString)")
        var checkout: String { folder.path + "/checkout" }
        var archive: String { folder.path + "/swiftly.tar.gz" }

        init() throws {
            let files = FileManager.default
            for name in ["checkout/qemu", "bin", "home"] {
                try files.createDirectory(
                    at: folder.appendingPathComponent(name), withIntermediateDirectories: true)
            }
            for name in [".swift-version", "qemu/toolchain", "qemu/tools"] {
                try files.copyItem(atPath: projectFolder.path + "/" + name, toPath: checkout + "/" + name)
            }
            // All that the scripts use but swift and gpg.
            for tool in [
                "bash", "sh", "awk", "sed", "sort", "tr", "head", "id", "grep", "cat", "uname", "curl", "tar", "gzip",
                "mktemp",
                "mkdir", "rm", "chmod", "dirname", "cp",
            ] {
                let place = try runOnHost(["which", tool]).output.trimmingCharacters(in: .whitespacesAndNewlines)
                try files.createSymbolicLink(atPath: folder.path + "/bin/" + tool, withDestinationPath: place)
            }
            // swiftly as far as the script uses it.
            let installer = """
                #!/bin/sh
                case $1 in
                init) mkdir -p "$SWIFTLY_BIN_DIR"; cp "$0" "$SWIFTLY_BIN_DIR/swiftly"; echo "init $*" ;;
                install)
                    for last; do :; done
                    mkdir -p "$SWIFTLY_TOOLCHAINS_DIR/$last/usr/bin"
                    printf '#!/bin/sh\\necho Swift version %s\\n' "$last" >"$SWIFTLY_TOOLCHAINS_DIR/$last/usr/bin/swift"
                    chmod +x "$SWIFTLY_TOOLCHAINS_DIR/$last/usr/bin/swift" ;;
                esac

                """
            try installer.write(toFile: folder.path + "/swiftly", atomically: false, encoding: .utf8)
            try files.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder.path + "/swiftly")
            _ = try runOnHost(["tar", "czf", archive, "-C", folder.path, "swiftly"])
        }

        deinit { try? FileManager.default.removeItem(at: folder) }

        func run(_ arguments: String..., tools: String = "", more: [String: String] = [:]) throws -> (
            status: Int32, output: String
        ) {
            try runOnHost(
                ["/bin/bash", checkout + "/qemu/toolchain"] + arguments,
                environment: [
                    "PATH": tools + folder.path + "/bin", "HOME": folder.path + "/home",
                    "SWIFTLY_URL": "file://" + archive,
                    "XDG_DATA_HOME": "",
                ].merging(more) { $1 })
        }
    }

    private let version =
        (try? String(contentsOf: projectFolder.appendingPathComponent(".swift-version"), encoding: .utf8))?
        .trimmingCharacters(in: .whitespacesAndNewlines) ?? ""

    @Test func toolchainComesIntoTheCheckout() throws {
        let place = try Place()
        let result = try place.run("checkout")
        #expect(result.status == 0, "\(result.output)")
        #expect(result.output.contains("gpg is missing: the signature was not checked"))
        #expect(result.output.contains("--skip-install --no-modify-profile"))
        let swift = place.checkout + "/.toolchain/toolchains/\(version)/usr/bin/swift"
        #expect(FileManager.default.isExecutableFile(atPath: swift))
        #expect(try FileManager.default.contentsOfDirectory(atPath: place.folder.path + "/home").isEmpty)
        // Where one is there, nothing is fetched.
        let again = try place.run("checkout", tools: place.checkout + "/.toolchain/toolchains/\(version)/usr/bin:")
        #expect(again.status == 0 && again.output.contains("there is nothing to fetch"), "\(again.output)")
    }

    @Test func toolchainComesIntoTheHome() throws {
        let place = try Place()
        let result = try place.run("home")
        #expect(result.status == 0, "\(result.output)")
        let base = place.folder.path + "/home/.local/share/swiftly/toolchains/\(version)/usr/bin"
        #expect(FileManager.default.isExecutableFile(atPath: base + "/swift"))
        #expect(result.output.contains("export PATH=\(base):$PATH"), "\(result.output)")
        #expect(!FileManager.default.fileExists(atPath: place.checkout + "/.toolchain"))
    }

    /// Nothing is fetched that was not asked for, from a place that does not answer, or with another's signature.
    @Test func nothingIsInstalledWithoutBeingAskedFor() throws {
        let place = try Place()
        let silent = try place.run()
        #expect(silent.status == 1 && silent.output.contains("make toolchain PLACE=checkout"), "\(silent.output)")
        let odd = try place.run("desk")
        #expect(odd.status == 2 && odd.output.contains("PLACE=desk: checkout or home is wanted"), "\(odd.output)")
        let away = try place.run("checkout", more: ["SWIFTLY_URL": "file:///nonexistent.tar.gz"])
        #expect(away.status == 1 && away.output.contains("that did not work"), "\(away.output)")
        // A gpg that finds the signature wrong.
        let bin = place.folder.path + "/gpg"
        try FileManager.default.createDirectory(atPath: bin, withIntermediateDirectories: true)
        try "#!/bin/sh\ncase \"$*\" in *--verify*) echo BAD >&2; exit 1 ;; esac\n".write(
            toFile: bin + "/gpg", atomically: false, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: bin + "/gpg")
        let forged = try place.run("checkout", tools: bin + ":")
        #expect(forged.status == 1 && forged.output.contains("nothing was installed"), "\(forged.output)")
        #expect(!FileManager.default.fileExists(atPath: place.checkout + "/.toolchain/bin"))
    }
}
