# An example that needs no cloud and no provider: terraform_data is built into Terraform and OpenTofu.
#
# - The volume stays when a workspace stops; the machine goes (its count is 0 then).
# - What takes its time is done when a prebuild is made. A claim changes the owner, and the owner is
#   in `input`, which is changed in place. In `triggers_replace` it would have everything made anew,
#   and the workspace would have been prebuilt in vain.
# - The output `standby` is what people are shown.

variable "greeting" {
  type = string
}

variable "standby_owner" {
  type = string
}

variable "standby_start_count" {
  type = number
}

resource "terraform_data" "volume" {
  provisioner "local-exec" {
    command = "echo formatting the volume; sleep 2"
  }
}

resource "terraform_data" "machine" {
  count            = var.standby_start_count
  input            = { owner = var.standby_owner }
  triggers_replace = [terraform_data.volume.id]

  provisioner "local-exec" {
    command = "echo starting the machine; sleep 1"
  }
}

output "standby" {
  value = { greeting = "${var.greeting}, ${var.standby_owner}!" }
}
