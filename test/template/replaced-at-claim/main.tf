# What not to do: the owner stands where a change forces a replacement. templates/hello-terraform has
# the same resources and keeps them.

variable "standby_owner" {
  type = string
}

variable "standby_start_count" {
  type = number
}

resource "terraform_data" "volume" {
  triggers_replace = { owner = var.standby_owner }
}

# Follows: its volume is another one after the claim.
resource "terraform_data" "machine" {
  count            = var.standby_start_count
  triggers_replace = [terraform_data.volume.id]
}
